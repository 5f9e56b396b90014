"""The benchmark hellaswag, described in card.md."""
