"""The benchmark chartqa, described in card.md."""
