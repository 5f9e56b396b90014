"""What the keys of a gates file may hold; the keys of one kind stand with that kind."""

from __future__ import annotations

from math import inf

from pytest_modeleval._support.schema import TEXT, Rule, choice, number, required, whole_number

SHARE = number(0.0, 1.0, is_share=True)


def _is_fraction(value: object) -> bool:
    return SHARE.accepts(value) and value != 1


# A margin or a share of 1 allows everything: somebody who writes 1 means one per cent.
FRACTION = Rule("a number from 0 to below 1 (0.01 is one point)", _is_fraction, SHARE.explain)
# Of a measure, in its own range.
ANY_NUMBER = number(-inf, inf)
LEVEL = number(0.0, 0.5, is_open=True)
TEST = choice("confident", "point")

COMMON = {
    "kind": required(TEXT),
    "name": TEXT,
    "benchmark": required(TEXT),
    "subset": TEXT,
    "aggregate": TEXT,
    "measure": TEXT,
    "alpha": LEVEL,
    "min_samples": whole_number(1, 10**9),
    "max_ungraded": SHARE,
    "detect": SHARE,
}
