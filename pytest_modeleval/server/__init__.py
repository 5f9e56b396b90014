"""Starts, knows, watches and stops the model server. Nothing heavy is imported here; take what you need by module.

profiles    models.toml: how a model is launched, known and asked
identify    what a server at a URL serves, and whether it is what was asked for
launch      a server of ours: started through a guard, awaited, stopped for certain
guard       the small process between pytest and the server that outlives pytest
embedded    the bundled small model on the CPU, as one more command to launch
"""
