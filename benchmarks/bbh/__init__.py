"""The benchmark bbh, described in card.md."""
