"""The benchmark mbpp, described in card.md."""
