"""Finds, launches, watches and stops the model server. Nothing heavy is imported here; import what you need by module.

profiles, profile_schema,        models.toml: how to launch a model, its names and parameters;
overrides                        the values of --model-set
addresses, identify,             what the server at a URL serves, whether it is the requested model,
server_info, deployment          and what about the deployment would spoil scores
connect                          connects first, launches only where nothing answers, stops only what we started
launched_server, log,            a server that we start: awaited while its log grows, its failure explained,
startup_progress, crash_diagnosis  and stopped for certain
process, guard, log_pump,        the small process between pytest and the server that outlives pytest; and the cleaning
orphans                          after a crash in which that was killed too
watch, hang_detector, probe,     death and hanging during a run, and restarting at the same address
listening_process
control, gpu_memory              emptying the prefix cache, waiting for GPU memory
embedded                         the bundled small model on the CPU, as a command to launch
"""
