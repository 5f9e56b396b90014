"""The project's own tests: folders mirror the rooms, `runs/` runs the whole program."""
