"""Evaluations next to a training: a callback of the Trainer, and a watcher of checkpoints."""
