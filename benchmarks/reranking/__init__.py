"""The benchmarks reranking and reranking_by_embedding, described in card.md."""
