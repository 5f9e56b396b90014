"""Small tools that several rooms share. Standard library and orjson only."""
