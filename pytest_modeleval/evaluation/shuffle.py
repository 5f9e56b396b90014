"""The order of a question's choices, drawn from its id: the same in every run, so that replies can be rescored."""

from __future__ import annotations

import dataclasses
import hashlib

from pytest_modeleval.errors import DataError
from pytest_modeleval.records import ItemKey, Sample

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def shuffled(sample: Sample, key: ItemKey, *, per_repeat: bool) -> Sample:
    """The sample with its choices in another order, its target letter moved along.

    `data["permutation"]` then holds, for each place, the index of the choice that stands there.
    per_repeat: every repeat has an order of its own.
    """
    order = permutation(len(sample.choices), _seed(key, per_repeat=per_repeat))
    target = sample.target
    if isinstance(target, str) and len(target) == 1 and target in LETTERS[: len(order)]:
        target = LETTERS[order.index(LETTERS.index(target))]
    return dataclasses.replace(
        sample,
        choices=tuple(sample.choices[index] for index in order),
        target=target,
        data={**sample.data, "permutation": order},
    )


def check_shufflable(sample: Sample, where: str) -> None:
    """Raise DataError for a sample whose target does not follow its choices."""
    target = sample.target
    if not (isinstance(target, str) and len(target) == 1 and target in LETTERS[: len(sample.choices)]):
        raise DataError(
            f"{where}: expected a letter of one of its {len(sample.choices)} choices as target, because the benchmark "
            f"shuffles them, found {target!r:.60}"
        )


def permutation(count: int, seed: str) -> tuple[int, ...]:
    """An order of `count` things: by the SHA-256 of seed and index, which is the same everywhere and for ever."""
    return tuple(sorted(range(count), key=lambda index: hashlib.sha256(f"{seed}/{index}".encode()).digest()))


def _seed(key: ItemKey, *, per_repeat: bool) -> str:
    seed = f"{key.benchmark}/{key.subset}/{key.sample}"
    return f"{seed}/{key.repeat}" if per_repeat else seed
