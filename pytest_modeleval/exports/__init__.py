"""A finished run in the formats of other programs. Nothing of the run's folder is changed."""
