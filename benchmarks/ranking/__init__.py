"""What the benchmarks of rankings share: samples of collections in BEIR's form, first stages, grades of a ranking."""
