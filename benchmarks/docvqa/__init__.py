"""The benchmark docvqa, described in card.md."""
