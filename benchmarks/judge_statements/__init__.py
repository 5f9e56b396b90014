"""The benchmark judge_statements, described in card.md."""
