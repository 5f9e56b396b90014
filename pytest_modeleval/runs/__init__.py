"""The life of a run from connection to exit status, without pytest."""
