"""Replies that hold a program in the shapes that models write: which code is graded, and that it passes."""

# Replies are read more easily in long lines than in halves.
# ruff: noqa: E501
from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.graders.code.extraction import Asked, last_block
from pytest_modeleval.graders.code.grader import code_grader
from pytest_modeleval.graders.code.grader_pool import GraderPool
from pytest_modeleval.graders.code.prelude import CONTEST_PRELUDE
from pytest_modeleval.graders.code.problem import Case, Problem
from pytest_modeleval.records import Grade, Kind, Response, Sample
from pytest_modeleval.sandbox import Limits, SandboxUnavailable, SourceFile

LIMITS = Limits(cpu_s=4.0, wall_s=30.0)
STDIN = Problem(limits=LIMITS, prelude=CONTEST_PRELUDE, cases=lambda: (Case("1 2", "3"), Case("4 5", "9")))
METHOD = Problem(
    limits=LIMITS, prelude=CONTEST_PRELUDE, function="add", class_name="Solution", cases=lambda: (Case("1\n2", "3"),)
)
CHECKED = Problem(
    limits=LIMITS,
    function="add",
    check=(SourceFile("t.py", "def check(f):\n    assert f(1, 2) == 3"), SourceFile("c.py", "check(add)")),
    names=("add",),
)
CODE = "x = list(map(int, input().split()))\nif x:\n    print(sum(x))"
ADD = "def add(a, b):\n    return a + b"
SOLUTION = "class Solution:\n    def add(self, a, b):\n        return a + b"
WRONG = "print(7, input())"


def indented(code: str, by: str) -> str:
    """Code as a list item or quotation holds it."""
    return "\n".join(by + line for line in code.split("\n"))


# F17: fences that share a line with text. F18: blocks in list items and quotations. Each is a right program on stdin.
SHAPES = {
    "closing fence before text": f"```python\n{CODE}\n``` This reads one line.",
    "closing fence before a dot": f"```python\n{CODE}\n```.",
    "closing fence before an end mark": f"```python\n{CODE}\n```<|im_end|>",
    "opening fence after text": f"Here is the program: ```python\n{CODE}\n```",
    "opening fence after bold text": f"**Solution**```python\n{CODE}\n```",
    "opening fence after bold text and a blank": f"**Solution** ```py\n{CODE}\n```",
    "unnamed opening fence after text": f"The program: ```\n{CODE}\n```",
    "draft, then a final block after text": f"```python\n{WRONG}\n```\nFinal: ```python\n{CODE}\n```",
    "closing fence behind code": f"```python\n{CODE}```",
    "closing fence behind code, then a mark": f"```python\n{CODE}```<|endoftext|>",
    "closing fence behind code, then text": f"```python\n{CODE}```\nIt adds the numbers.\n",
    "unclosed draft, then the program": f"```python\n{WRONG}\n\nBetter:\n```python\n{CODE}\n```",
    "carriage returns": f"```python\n{CODE}\n```\n".replace("\n", "\r\n"),
    "attributes after the language": f"```python {{.numberLines}}\n{CODE}\n```",
    "title after the language": f"```python title=solve.py\n{CODE}\n```",
    "bullet": f"- ```python\n{indented(CODE, '  ')}\n  ```",
    "bullet with text": f"- Program: ```python\n{indented(CODE, '  ')}\n  ```",
    "block under a bullet": f"* Program:\n\n  ```python\n{indented(CODE, '  ')}\n  ```",
    "number": f"1. ```python\n{indented(CODE, '   ')}\n   ```",
    "block under a number": f"2) Program:\n\n   ```python\n{indented(CODE, '   ')}\n   ```\n3) Done.",
    "block under a number, four columns": f"1. Program:\n\n    ```python\n{indented(CODE, '    ')}\n    ```",
    "number without indentation": f"1. ```python\n{CODE}\n```",
    "quotation": f"> ```python\n{indented(CODE, '> ')}\n> ```",
    "quotation in a quotation": f"> > ```python\n{indented(CODE, '> > ')}\n> > ```",
    "bullet in a quotation": f"> - ```python\n{indented(CODE, '>   ')}\n>   ```",
    "tildes": f"~~~python\n{CODE}\n~~~",
    "fence in a string": f"```python\nf = '```'\n{CODE}\n```",
    "sample output after the program": f"```python\n{CODE}\n```\n```\n3\n```",
    "usage after the program": f"```python\n{CODE}\n```\nFor instance\n```python\nassert 1 + 2 == 3\nprint(3)\n```",
    "helper in a block of its own": (
        "First\n```python\ndef total(text):\n    return sum(map(int, text.split()))\n```\nthen\n"
        "```python\nprint(total(input()))\n```"
    ),
    "unclosed, with an end mark": f"```python\n{CODE}\n<|im_end|>",
    "unclosed, with an end mark behind code": f"```python\n{CODE}<|endoftext|>",
    "code in the text before the fence": f"It reads `input()` twice: ```python\n{CODE}\n```",
    "bullet with a tab": f"-\t```python\n{indented(CODE, chr(9))}\n\t```",
    "block under a nested bullet": f"- a\n  - b\n    ```python\n{indented(CODE, '    ')}\n    ```",
    "quotation without blanks": f">```python\n{indented(CODE, '>')}\n>```",
    "answer tags": f"<answer>```python\n{CODE}\n```</answer>",
    "Chinese text around": f"代码如下：```python\n{CODE}\n```这段代码读取一行。",
    "brackets around": f"(```python\n{CODE}\n```)",
    "file name after the language": f"```python:main.py\n{CODE}\n```",
    "program without a language, demonstration with one": f"```\n{CODE}\n```\n```python\nprint('demo')\n```",
    "reader in a block of its own, used later": (
        "```python\ndef read():\n    return map(int, input().split())\n```\n```python\nprint(sum(read()))\n```"
    ),
    "program, then a line of it explained": (
        f"```python\n{CODE}\n```\nThe line\n```python\nx = list(map(int, input().split()))\n```\nreads all."
    ),
    "line explained, then the program": (
        f"The line\n```python\nx = list(map(int, input().split()))\n```\nreads all.\n```python\n{CODE}\n```"
    ),
}

# F19: a main guard where a function is asked for. F21: use after the solution, helpers before it.
GUARDS = [
    "print(add(int(input()), 2))",
    "import sys\n    sys.exit(0)",
    "import unittest\n    unittest.main()",
    "import sys\n    n = int(sys.argv[1])",
    "open('input.txt').read()",
    "assert add(1, 1) == 3",
]
FUNCTIONS = {
    **{
        f"guard {number}": f"```python\n{ADD}\n\nif __name__ == '__main__':\n    {guard}\n```"
        for number, guard in enumerate(GUARDS)
    },
    "printed use in a second block": f"```python\n{ADD}\n```\nUse:\n```python\nprint(add(1, 2))\n```",
    "asserted use in a second block": f"```python\n{ADD}\n```\nTest:\n```python\nassert add(1, 1) == 3\n```",
    "helper in a block before": "```python\ndef plus(a, b):\n    return a + b\n```\n```python\ndef add(a, b):\n    return plus(a, b)\n```",
    "draft, then the solution": f"```python\ndef add(a, b):\n    return 0\n```\nBetter:\n```python\n{ADD}\n```\n```\n3\n```",
    "a name instead of a definition": "```python\nadd = lambda a, b: a + b\n```\n```python\nprint(add(1, 2))\n```",
    "import in a block before": "```python\nimport math\n```\n```python\ndef add(a, b):\n    return int(math.fsum([a, b]))\n```",
    "imported name in a block before": "```python\nfrom math import fsum\n```\n```python\ndef add(a, b):\n    return int(fsum([a, b]))\n```",
    "constant in a block before": "```python\nZERO = 0\n```\n```python\ndef add(a, b):\n    return a + b + ZERO\n```",
    "helper in a block after": "```python\ndef add(a, b):\n    return plus(a, b)\n```\nwith\n```python\ndef plus(a, b):\n    return a + b\n```",
    "tests in a function": f"```python\n{ADD}\n```\n```python\ndef test_add():\n    assert add(1, 2) == 4\ntest_add()\n```",
    "definition named in a comment": f"```python\n{ADD}\n```\n```python\n# def add(a, b) is used here\nprint(add(1, 2))\n```",
    "use that reads input": f"```python\n{ADD}\n```\n```python\nprint(add(int(input()), 2))\n```",
    "solution without a language, use with one": f"```\n{ADD}\n```\n```python\nprint(add(1, 2))\n```",
    "signature after the solution": f"```python\n{ADD}\n```\nIts type:\n```python\ndef add(a: int, b: int) -> int: ...\n```",
    "signature with a language, solution without": f"```\n{ADD}\n```\nIts type:\n```python\ndef add(a: int, b: int) -> int: ...\n```",
    "skeleton after the solution": f"```python\n{ADD}\n```\nGiven:\n```python\nimport math\n\n\ndef add(a, b):\n    '''Add.'''\n    pass\n```",
}
# F20: functions without the class, or next to an empty one.
METHODS = {
    "class": f"```python\n{SOLUTION}\n```",
    "function without the class": f"```python\n{ADD}\n```",
    "function next to an empty class": f"```python\nclass Solution:\n    pass\n\n{ADD}\n```",
    "class, then its use": f"```python\n{SOLUTION}\n```\n```python\nprint(Solution().add(1, 1))\n```",
    "class with a guard": f"```python\n{SOLUTION}\n\nif __name__ == '__main__':\n    print(Solution().add(*input()))\n```",
}


@pytest.fixture(scope="module")
def pool() -> Iterator[GraderPool]:
    """Two workers."""
    pool = GraderPool(2, packages=())
    try:
        pool.isolation()
    except SandboxUnavailable as error:
        pool.close()
        pytest.skip(str(error))
    yield pool
    pool.close()


def grade_of(pool: GraderPool, problem: Problem, text: str) -> Grade:
    """The grade of one reply."""
    grade = asyncio.run(code_grader(lambda _: problem, pool=pool)(Sample(), Response(text, finish_reason="stop")))
    assert isinstance(grade, Grade)
    return grade


@pytest.mark.parametrize("name", SHAPES)
def test_right_program_passes_in_every_shape_of_reply(pool: GraderPool, name: str) -> None:
    """F17, F18: wherever the fences stand, the program between them is graded, without the marks around it."""
    grade = grade_of(pool, STDIN, SHAPES[name])
    assert grade.kind is Kind.RIGHT, (grade.explanation, grade.answer)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("problem", [CHECKED, METHOD], ids=["tests of a benchmark", "JSON arguments"])
def test_block_that_defines_the_function_is_graded(pool: GraderPool, problem: Problem, name: str) -> None:
    """F19, F20, F21: the last block that defines the function counts, and no main guard of it runs."""
    grade = grade_of(pool, problem, FUNCTIONS[name])
    assert grade.kind is Kind.RIGHT, (grade.explanation, grade.answer)


@pytest.mark.parametrize("name", METHODS)
def test_method_or_plain_function_is_found(pool: GraderPool, name: str) -> None:
    """F20: a function at the level of the module is as good as a method of the class."""
    grade = grade_of(pool, METHOD, METHODS[name])
    assert grade.kind is Kind.RIGHT, (grade.explanation, grade.answer)


def test_wrong_last_definition_counts(pool: GraderPool) -> None:
    """A right draft does not help where the last definition is wrong, and a guard still runs in a program."""
    wrong = "def add(a, b):\n    return a - b"
    assert grade_of(pool, CHECKED, f"```python\n{ADD}\n```\nNo:\n```python\n{wrong}\n```").kind is Kind.WRONG
    guarded = "def main():\n    print(sum(map(int, input().split())))\nif __name__ == '__main__':\n    main()"
    assert grade_of(pool, STDIN, f"```python\n{guarded}\n```").kind is Kind.RIGHT


LINES = st.text(alphabet=st.characters(exclude_characters="`~>\r\n", exclude_categories=["Cs", "Cc"]), max_size=40)


@given(st.lists(LINES, min_size=1, max_size=8), st.sampled_from(["", "- ", "1. ", "> ", "> - ", "   "]))
def test_code_survives_any_container(lines: list[str], lead: str) -> None:
    """Code in a list item or quotation comes out as it was written, its own indentation included."""
    code = "\n".join(["first", *lines])
    rest = lead if lead.startswith(">") and len(lead) < 3 else "".join(c if c == ">" else " " for c in lead)
    reply = f"{lead}```python\n{indented(code, rest)}\n{rest}```\nafter"
    assert last_block(reply, Asked()) == code
