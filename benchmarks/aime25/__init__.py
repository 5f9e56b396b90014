"""The benchmark aime25, described in card.md."""
