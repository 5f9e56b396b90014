"""An evaluation that is called from Python: pytest in a process of its own."""
