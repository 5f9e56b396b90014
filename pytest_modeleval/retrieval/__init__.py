"""Retrieval without a model: measures of a ranking, exact search over vectors, BM25, collections in BEIR's form."""
