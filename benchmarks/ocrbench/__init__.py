"""The benchmark ocrbench, described in card.md."""
