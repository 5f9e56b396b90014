"""The benchmark alpaca_eval, described in card.md."""
