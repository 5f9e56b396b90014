"""Names that contest judges provide without an import, so that a program which relies on them does not fail here.

The list is in pytest_modeleval/sandbox/judge_builtins.py, a module that exists in every sandbox.
"""

from __future__ import annotations

from pytest_modeleval.sandbox import SourceFile

CONTEST_PRELUDE = (
    SourceFile(
        "prelude.py", "from pytest_modeleval.sandbox.judge_builtins import provide\nprovide(globals())\ndel provide\n"
    ),
)
