"""From a declared test function to pytest items, without loading a row."""
