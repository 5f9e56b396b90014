"""The benchmark live_code_bench, described in card.md."""
