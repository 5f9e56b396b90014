"""The benchmark judge_check, described in card.md."""
