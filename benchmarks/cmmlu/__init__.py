"""The benchmark cmmlu, described in card.md."""
