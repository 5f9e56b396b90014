"""Vectors of texts on disk: float32 in files of their own, found again by the SHA-256 of the text."""
