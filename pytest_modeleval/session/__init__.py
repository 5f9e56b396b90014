"""pytest's side of an evaluation: hooks, outcomes on reports, the live line, xdist."""
