"""The parts of ci/check_foreign_tasks.py."""
