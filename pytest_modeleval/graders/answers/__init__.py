"""Final answers of mathematical questions: found in a reply, read as a typed value, compared with a target.

docs/answers.md describes the grammar and the rules of equality. The modules in the order in which a reply passes them:

final_answer  the part of a reply that states the answer
notation      one spelling for what LaTeX, Unicode and plain text spell in several ways
reading       text -> the values it may stand for (values.py), with units.py, quantities.py and expression.py
comparison    whether two values are equal, with evaluation.py for numbers and algebra
"""

from pytest_modeleval.graders.answers.comparison import compare_answers
from pytest_modeleval.graders.answers.final_answer import MAX_ANSWER_CHARS, find_final_answer

__all__ = ["MAX_ANSWER_CHARS", "compare_answers", "find_final_answer"]
