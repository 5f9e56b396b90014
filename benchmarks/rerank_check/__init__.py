"""The benchmark rerank_check, described in card.md."""
