"""The benchmark arc_likelihood, described in card.md."""
