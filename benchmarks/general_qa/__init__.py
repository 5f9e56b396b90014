"""See card.md."""
