"""The benchmark ruler, described in card.md."""
