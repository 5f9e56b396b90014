"""The benchmark arena_hard, described in card.md."""
