"""Grades function calls: decodes calls from a reply and compares them as BFCL does, without running anything.

`grade_tool_calls` reads the tool calls of a response, `grade_text_calls` reads calls written as text. The module
`grader` lists the fields that a sample needs.
"""

from pytest_modeleval.graders.calls.check import check_calls
from pytest_modeleval.graders.calls.function_call import Call, Language, Mismatch, NoCallsFound, Wanted
from pytest_modeleval.graders.calls.grader import grade_text_calls, grade_tool_calls
from pytest_modeleval.graders.calls.native import decode_tool_calls
from pytest_modeleval.graders.calls.other_text import decode_text
from pytest_modeleval.graders.calls.python_text import decode_python_text

__all__ = [
    "Call",
    "Language",
    "Mismatch",
    "NoCallsFound",
    "Wanted",
    "check_calls",
    "decode_python_text",
    "decode_text",
    "decode_tool_calls",
    "grade_text_calls",
    "grade_tool_calls",
]
