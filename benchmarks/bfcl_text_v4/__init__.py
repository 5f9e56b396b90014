"""The benchmark bfcl_text_v4, described in card.md."""
