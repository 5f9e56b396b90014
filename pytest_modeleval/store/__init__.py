"""Files of a run: journals, run.json, summary.json, baselines."""
