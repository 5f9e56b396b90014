"""The benchmark embedding_check, described in card.md."""
