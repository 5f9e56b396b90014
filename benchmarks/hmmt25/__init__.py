"""The benchmark hmmt25, described in card.md."""
