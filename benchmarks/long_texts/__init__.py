"""Long prompts made by code, for ruler and needle: words, filler text, and the fit to a number of tokens."""
