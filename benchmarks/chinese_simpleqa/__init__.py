"""The benchmark chinese_simpleqa, described in card.md."""
