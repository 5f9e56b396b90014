"""The benchmark reranking_by_embedding, described in card.md."""
