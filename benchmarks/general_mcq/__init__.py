"""The benchmark general_mcq, described in card.md."""
