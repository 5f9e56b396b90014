"""The benchmark needle, described in card.md."""
