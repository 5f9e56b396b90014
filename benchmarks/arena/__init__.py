"""The benchmark arena, described in card.md."""
