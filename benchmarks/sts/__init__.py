"""The benchmark sts, described in card.md."""
