"""The benchmark gpqa_diamond, described in card.md."""
