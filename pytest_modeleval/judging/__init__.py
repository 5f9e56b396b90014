"""Asking a judge for a verdict: what it sees of the model's words, how its verdict is read, and when there is none."""

from pytest_modeleval.judging.fence import fenced
from pytest_modeleval.judging.reading import MARKER, read_verdict
from pytest_modeleval.judging.verdict import Verdict, verdict, with_form

__all__ = ["MARKER", "Verdict", "fenced", "read_verdict", "verdict", "with_form"]
