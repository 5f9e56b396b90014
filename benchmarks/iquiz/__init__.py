"""The benchmark iquiz, described in card.md."""
