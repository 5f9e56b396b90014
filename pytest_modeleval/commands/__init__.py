"""Commands of `modeleval` that read a finished run: one module for each."""
