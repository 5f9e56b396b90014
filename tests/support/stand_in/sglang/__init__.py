"""Stands in for SGLang in the tests: `python -m sglang.launch_server` with this folder's parent on PYTHONPATH."""
