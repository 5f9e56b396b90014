"""Log-probabilities of given texts: one interface over servers that offer them in different ways."""
