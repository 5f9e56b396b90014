"""The benchmark bfcl_format_v4, described in card.md."""
