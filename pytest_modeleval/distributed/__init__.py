"""The controller and the workers of pytest-xdist."""
