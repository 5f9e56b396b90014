"""One journal made of those of several run folders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import orjson

from pytest_modeleval._support.atomic_file import atomic_file
from pytest_modeleval.errors import RunFolderError
from pytest_modeleval.plan import Plan
from pytest_modeleval.records import ItemKey, JsonObject
from pytest_modeleval.store.contents import Contents
from pytest_modeleval.store.journal import JOURNAL_FILE, journal_files, journal_lines, outcome_from_line
from pytest_modeleval.store.journal_line import encode_line
from pytest_modeleval.store.outcome_codec import item_key


def write_merged(
    target: Path,
    plans: Sequence[Plan],
    folders: Sequence[tuple[Path, Contents]],
    latest_outcomes: Mapping[ItemKey, int],
) -> None:
    """Write target/journal.jsonl: the plans, and of every item the outcome of the folder that `latest_outcomes` names.

    Answers are kept with the outcome that was made of them: where two folders have an answer to the same request, the
    winner's is written and the other is not, so that grading again grades what counted. Journals that target held
    before (it may be one of the folders) are replaced when the new one is whole. Raises RunFolderError.
    """
    old = [path for path in journal_files(target) if path.name != JOURNAL_FILE]
    try:
        with atomic_file(target / JOURNAL_FILE) as draft, draft.open("wb") as file:
            file.writelines(encode_line(plan.to_json()) for plan in plans)
            file.writelines(_chosen_lines(folders, latest_outcomes))
        for path in old:
            path.unlink()
    except OSError as error:
        raise RunFolderError(
            f"cannot write the merged run {target}: {error.strerror}; name another folder with --into"
        ) from error


def _chosen_lines(folders: Sequence[tuple[Path, Contents]], latest_outcomes: Mapping[ItemKey, int]) -> Iterator[bytes]:
    choice = _Choice([contents for _, contents in folders], latest_outcomes)
    for number, (folder, _) in enumerate(folders):
        for line in journal_lines(folder):
            if taken := choice.take(number, line):
                yield taken


_ANSWERS = {"response": "responses", "tool": "tools", "point": "points"}
"""Type of a line that is kept with the outcome that was made of it -> the field of Contents."""


class _Choice:
    """Which lines of which folder are taken over."""

    def __init__(self, contents: Sequence[Contents], latest_outcomes: Mapping[ItemKey, int]) -> None:
        self._contents = contents
        self._winners = latest_outcomes
        self._outcomes: set[ItemKey] = set()
        self._answers: set[str] = set()
        self._attempts: set[bytes] = set()

    def take(self, number: int, line: bytes) -> bytes:
        """This line of folder `number` as it is in the merged journal; b"" if it is left out, as a damaged line is."""
        try:
            entry = orjson.loads(line)
            if entry["type"] == "attempt":
                is_new = line not in self._attempts
                self._attempts.add(line)
                return line if is_new else b""
            if entry["type"] not in (*_ANSWERS, "grade", "ungraded"):
                return b""
            key = item_key(entry)
            if entry["type"] in _ANSWERS:
                return line if self._takes_answer(number, key, entry["key"], entry["type"]) else b""
            return _outcome_line(entry) if self._takes_outcome(number, key, entry) else b""
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            return b""

    def _takes_answer(self, number: int, key: ItemKey, request_key: str, kind: str) -> bool:
        winner = self._winners.get(key, number)
        if request_key in self._answers:
            return False
        theirs = getattr(self._contents[winner], _ANSWERS[kind])
        if winner != number and request_key in theirs:
            return False
        self._answers.add(request_key)
        return True

    def _takes_outcome(self, number: int, key: ItemKey, entry: JsonObject) -> bool:
        if self._winners.get(key) != number or key in self._outcomes:
            return False
        counts = self._contents[number]
        # The outcome too: an item may have had two within one millisecond.
        rank = counts.ranks.get(key)
        if rank is None or entry["time"] != rank.time or outcome_from_line(entry) != counts.outcomes.get(key):
            return False
        self._outcomes.add(key)
        return True


def _outcome_line(entry: JsonObject) -> bytes:
    # Invocations are counted in each folder by itself, and rescorings of the parts are over.
    return encode_line({name: value for name, value in entry.items() if name not in ("crc", "invocation", "rescore")})
