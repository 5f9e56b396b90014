"""The benchmark truthful_qa, described in card.md."""
