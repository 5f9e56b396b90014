"""The benchmark bfcl_v4, described in card.md."""
