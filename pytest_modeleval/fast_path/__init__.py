"""The short protocol for samples: optional, switched by `--eval-fast-path`."""
