"""The benchmark scicode, described in card.md."""
