"""The pairs of stored runs as rows, and the figures of the models in them."""

from __future__ import annotations

import itertools
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pytest_modeleval import Option
from pytest_modeleval.errors import DataError, RunFolderError, SettingsError
from pytest_modeleval.metrics import Measure, bradley_terry, mean, ratio, style_effect, win_rate_difference
from pytest_modeleval.samples.answer_pairs import (
    AnswerPair,
    Contestant,
    chosen_pairs,
    omissions,
    pairs,
    read_contestants,
    word_for_word,
)

from ..pairwise.comparing import STYLE

OPTIONS = (
    Option("runs", "", description=f"two or more run folders, with {os.pathsep!r} between them"),
    Option(
        "baseline", 0, low=0, high=1000, description="the number of the baseline among the runs, from 1; 0 for none"
    ),
    Option("every_pair", False, description="every two models meet, also where there is a baseline"),
    Option("strong", 1, low=1, high=10, description="how many wins one counts for that is strong in both orders"),
    Option("style", False, description="win rates among answers of one style, and what style moves"),
)
_UNSAFE = re.compile(r"[^\w.+-]+")


def contestants_of(options: Mapping[str, Any]) -> list[Contestant]:
    """The runs that the options name, in their order. Raises SettingsError for what is no run."""
    return _read(str(options.get("runs", "")))


@lru_cache(maxsize=4)
def _read(runs: str) -> list[Contestant]:
    folders = [Path(part) for part in runs.split(os.pathsep) if part]
    try:
        found = read_contestants(folders)
    except RunFolderError as error:
        raise SettingsError(f"arena.runs: {error}") from error
    with warnings.catch_warnings():
        # A project whose warnings are errors can compare its runs all the same.
        warnings.simplefilter("always")
        for sentence in omissions(found):
            warnings.warn(f"arena: {sentence}", stacklevel=2)
    return found


def baseline_of(options: Mapping[str, Any], count: int) -> int | None:
    """The baseline's place among the runs; None without one. Raises SettingsError for a number that is too high."""
    number = int(options.get("baseline", 0))
    if number > count:
        raise SettingsError(f"arena.baseline: expected the number of a run, from 1 to {count}, found {number}")
    return number - 1 if number else None


def rows(options: Mapping[str, Any] | None = None) -> dict[str, list[dict[str, Any]]]:
    """A row for each pair of answers. Raises DataError where no run is named, or no prompt is equal."""
    given = options or {}
    if not given.get("runs"):
        raise DataError(
            "arena: expected run folders; give --eval-option arena.runs=RUN_A:RUN_B, or use modeleval arena"
        )
    found = contestants_of(given)
    repeated = [word_for_word(one) for one in found]
    baseline = baseline_of(given, len(found))
    made = [
        _row(pair, found, repeated) for pair in pairs(found, baseline=baseline, every_pair=bool(given["every_pair"]))
    ]
    if not made:
        labels = ", ".join(one.label for one in found)
        raise DataError(
            f"arena: expected equal prompts in the runs of {labels}, found none; compare runs of one benchmark"
        )
    return {"arena": made}


def _row(pair: AnswerPair, found: Sequence[Contestant], repeated: Sequence[frozenset[str]]) -> dict[str, Any]:
    players = (pair.first, pair.second)
    key, texts = pair.key, [answer.text for answer in pair.answers]
    names = [found[player].label for player in players]
    place = f"{key.benchmark}-{key.sample}" if not key.repeat else f"{key.benchmark}-{key.sample}-{key.repeat}"
    return {
        "id": _UNSAFE.sub("_", f"{names[0]}--{names[1]}--{place}"),
        "players": list(players),
        "names": names,
        "question": pair.answers[0].prompt,
        "answers": texts,
        "cluster": f"{key.benchmark} {key.subset} {key.sample}",
        "benchmark": key.benchmark,
        "is_repeated": any(text in repeated[player] for player, text in zip(players, texts, strict=True)),
    }


def pair_name(first: str, second: str) -> str:
    """The measure of two models that meet among several."""
    return f"{first} over {second}"


def measures(options: Mapping[str, Any]) -> Sequence[Measure]:
    """The win rate of each model, of each pair where there are several, what style moves, and the judge."""
    judge = (ratio("consistency"), ratio("first_place"))
    if not options.get("runs"):
        return judge
    labels = [one.label for one in contestants_of(options)]
    baseline, strong = baseline_of(options, len(labels)), int(options["strong"])
    players = [number for number in range(len(labels)) if number != baseline]
    made = [bradley_terry(labels[number], player=number, baseline=baseline, strong=strong) for number in players]
    made += _pair_measures(labels, baseline, every_pair=bool(options["every_pair"]))
    if baseline is not None:
        made += [
            win_rate_difference(
                f"{labels[one]} less {labels[other]}", player=one, other=other, baseline=baseline, strong=strong
            )
            for one, other in itertools.combinations(players, 2)
        ]
    if options["style"]:
        made += [
            bradley_terry(f"{labels[number]}, same style", player=number, baseline=baseline, strong=strong, style=STYLE)
            for number in players
        ]
        made += [style_effect(f"effect_of_{name}", of=name, style=STYLE, strong=strong) for name in STYLE]
    return (*judge, *made)


def _pair_measures(labels: Sequence[str], baseline: int | None, *, every_pair: bool) -> list[Measure]:
    met = chosen_pairs(len(labels), baseline=baseline, every_pair=every_pair)
    return [mean(pair_name(labels[one], labels[other])) for one, other in met] if len(labels) > 2 else []
