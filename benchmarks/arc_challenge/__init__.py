"""The benchmark arc_challenge, described in card.md."""
