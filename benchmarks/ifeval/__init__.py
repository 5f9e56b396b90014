"""The benchmark gsm8k, described in card.md."""
