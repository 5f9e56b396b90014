"""The benchmark mmlu_pro, described in card.md."""
