"""The benchmarks that ship with pytest-modeleval: one folder each, a page of code and a card."""
