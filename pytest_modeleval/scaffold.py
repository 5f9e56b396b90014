"""`modeleval new NAME`: a benchmark of one's own, with a card and two rows, that runs as it is written."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from pytest_modeleval.errors import SettingsError

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_PAGE = '''"""{name}: one sentence about what is asked. See card.md."""

from pytest_modeleval import Request, Sample, benchmark
from pytest_modeleval.datasets import local
from pytest_modeleval.graders import grade_exact
from pytest_modeleval.prompts import qa_prompt, user


def to_sample(row):
    return Sample(question=row.text("question"), target=row.text("answer"))


def to_request(sample):
    return Request(user(qa_prompt(sample.question)))


@benchmark(
    name="{name}",
    version="1",  # raise it whenever a score may change
    dataset=local("{name}/{{subset}}"),  # each file of the folder is a subset
    sample=to_sample,
    request=to_request,
    grade=grade_exact,
)
def test_{name}(grade):
    assert grade, grade.explanation
'''
_CARD = """# {name}

| | |
|---|---|
| what | one sentence about what is asked |
| licence | of the data |
| data | `data/{name}/<subset>.jsonl`, below `--eval-data=DIR` |
| fields | `question`, `answer` |
| metric | `mean_acc` |

**Prompt.** Where it comes from.

**Version 1.**
"""
_ROWS = """{"question": "What is 6 times 7?", "answer": "42"}
{"question": "What is the chemical symbol of gold?", "answer": "Au"}
"""


def write_benchmark(name: str, parent: Path) -> list[Path]:
    """Write a page, its card and two rows into the new folder parent/name; the files.

    Raises SettingsError for a name that cannot be a benchmark's, and for a folder that exists.
    """
    if not _NAME.match(name):
        raise SettingsError(f"modeleval new: expected a lower-case word such as capitals, found {name!r}")
    folder = parent / name
    if folder.exists():
        raise SettingsError(f"modeleval new: {folder} exists already; name another benchmark, or another --into DIR")
    files = {
        folder / f"test_{name}.py": _PAGE.format(name=name),
        folder / "card.md": _CARD.format(name=name),
        folder / "data" / name / "example.jsonl": _ROWS,
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(files)


def add_command(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `modeleval new` to the parser of the command."""
    parser = commands.add_parser(
        "new",
        help="write a benchmark of your own: a page, its card and two rows",
        description="Write the folder NAME with a benchmark page, its card and two rows; it runs as it is.",
    )
    parser.add_argument("name", metavar="NAME", help="the benchmark's name, a lower-case word")
    parser.add_argument("--into", type=Path, default=Path(), metavar="DIR", help="the folder for it (here)")
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> list[str]:
    files = write_benchmark(given.name, given.into)
    page, _, rows = files
    return [
        *(f"wrote {path}" for path in files),
        "",
        f"run it: pytest {page} --model embedded --eval-data={rows.parent.parent}",
        "then:   docs/writing-a-benchmark.md explains the parts",
    ]
