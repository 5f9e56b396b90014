"""One evaluation: the plan, the asking ahead of the tests, the verdicts, the summary. Knows no pytest."""
