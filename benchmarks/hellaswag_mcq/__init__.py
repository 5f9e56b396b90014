"""The benchmark hellaswag_mcq, described in card.md."""
