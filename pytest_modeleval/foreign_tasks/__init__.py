"""Tasks of other evaluation packages as declared benchmarks; nothing of them is imported before a task is asked for."""
