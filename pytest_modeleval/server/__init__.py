"""Starts, knows, watches and stops the model server. Nothing heavy is imported here; take what you need by module.

profiles, profile_schema    models.toml: how a model is launched, known and asked
addresses, server_info,     what a server at a URL serves, whether it is what was asked for,
identify, deployment        and what about it would spoil scores
session                     connect first, launch only where nothing answers, stop only what is ours
launch, log, milestones,    a server of ours: started, awaited while its log grows, explained when it fails,
failures, environment       stopped for certain
process, guard, leftovers   the small process between pytest and the server that outlives pytest, and what is left
                            when even that was killed
watch                       death and hanging in mid-run, starting again at the same address
control, gpu_memory         emptying its cache, dropping a request, waiting for the GPUs
embedded                    the bundled small model on the CPU, as one more command to launch
"""
