"""The benchmark simple_qa, described in card.md."""
