"""The id of an item, as pytest shows it in brackets: `test_gsm8k[main-0042-r2]`.

It is the sample's id, which the data carries or which counts the rows of a subset, and the repeat where samples are
asked several times. pytest puts the test function's name before the brackets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence


def sample_ids(subset: str, ids: Sequence[str] | None) -> Callable[[int], str]:
    """Row index -> sample id: from the data if it carries ids, else "<subset>-0000" counted from 0."""
    if ids is not None:
        return ids.__getitem__
    return lambda index: f"{subset}-{index:04d}"


def item_id(sample: str, repeat: int, *, has_repeats: bool) -> str:
    """The sample's id, with "-r2" for the third of several repeats."""
    return f"{sample}-r{repeat}" if has_repeats else sample
