"""The benchmark ceval, described in card.md."""
