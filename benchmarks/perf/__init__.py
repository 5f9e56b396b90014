"""The benchmark perf, described in card.md."""
