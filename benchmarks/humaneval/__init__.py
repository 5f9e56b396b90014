"""The benchmark humaneval, described in card.md."""
