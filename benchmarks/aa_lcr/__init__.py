"""The benchmark aa_lcr, described in card.md."""
