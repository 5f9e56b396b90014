"""Answers of models against each other: games, strengths, style, length control. Pure: NumPy alone."""
