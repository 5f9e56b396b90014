"""The benchmark mmlu, described in card.md."""
