"""What is kept on disk: journals, run.json, summary.json, baselines. Written whole or line by line, never half."""
