"""The benchmark retrieval, described in card.md."""
