"""Names that a contest's judge provides without an import, so that a program which counts on them is not failed.

What they are: pytest_modeleval/sandbox/judge_builtins.py, a module that is there in every sandbox.
"""

from __future__ import annotations

from pytest_modeleval.sandbox import SourceFile

CONTEST_PRELUDE = (
    SourceFile(
        "prelude.py", "from pytest_modeleval.sandbox.judge_builtins import provide\nprovide(globals())\ndel provide\n"
    ),
)
