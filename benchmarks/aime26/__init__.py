"""The benchmark aime26, described in card.md."""
