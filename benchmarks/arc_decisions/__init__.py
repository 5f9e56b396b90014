"""The benchmark arc_decisions, described in card.md."""
