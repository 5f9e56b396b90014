"""The benchmark mt_bench, described in card.md."""
