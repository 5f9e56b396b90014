"""The benchmark drop, described in card.md."""
