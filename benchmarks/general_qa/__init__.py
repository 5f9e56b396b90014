"""The benchmark general_qa, described in card.md."""
