"""The benchmark `wiring`: quick checks of a deployment; card.md describes it."""
