"""The benchmark infovqa, described in card.md."""
