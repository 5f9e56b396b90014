"""The benchmark arc_easy, described in card.md."""
