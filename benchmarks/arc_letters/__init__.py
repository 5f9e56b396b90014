"""The benchmark arc_letters, described in card.md."""
