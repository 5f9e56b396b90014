"""Vectors and relevance scores from a server: requests, answers in their several forms, and which form it is."""
