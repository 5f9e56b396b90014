"""The benchmark rag, described in card.md."""
