r"""Takes the answer of a MATH problem out of its solution: the content of the last \boxed."""

from __future__ import annotations

import re

_BOX = re.compile(r"\\(?:boxed|fbox)\s*(\{|\S)")


def last_box(solution: str) -> str | None:
    r"""The content of the last \boxed{...} with its braces balanced, or the sign after a bare \boxed; None without."""
    boxes = list(_BOX.finditer(solution))
    if not boxes:
        return None
    found = boxes[-1]
    if found[1] != "{":
        return found[1]
    depth = 1
    for place in range(found.end(), len(solution)):
        if solution[place - 1] != "\\" or solution[place - 2 : place] == "\\\\":
            depth += {"{": 1, "}": -1}.get(solution[place], 0)
        if not depth:
            return solution[found.end() : place].strip()
    return None
