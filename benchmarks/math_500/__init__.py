"""The benchmark math_500, described in card.md."""
