"""The answers of several finished runs to equal prompts, in pairs. Reads run folders, which may be anybody's."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from pytest_modeleval.errors import RunFolderError
from pytest_modeleval.records import ItemKey
from pytest_modeleval.samples.reading import read_samples
from pytest_modeleval.samples.record import SampleRecord
from pytest_modeleval.store.run_file import load_run

# Of all runs together: what a judge could be asked about in days.
MOST_ANSWERS = 500_000
_SHOWN_IDS = 3
# A short answer such as "ANSWER: B" is that of many questions.
_WORD_FOR_WORD_CHARS = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered to a prompt."""

    prompt: str
    """The conversation as text, for a judge."""
    digest: str
    """Of the messages and tools exactly as they were sent."""
    text: str
    """Without thinking."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """A finished run, whose answers are compared."""

    label: str
    """The model's name; where several runs have the same, also the name of the folder."""
    names: frozenset[str]
    """All names of the model, in lower case."""
    answers: Mapping[ItemKey, Answer]
    left_out: Mapping[str, int]
    """Why an item has no answer that could be compared -> items."""


@dataclass(frozen=True, slots=True)
class AnswerPair:
    """Two answers to one prompt."""

    first: int
    second: int
    """Contestants, by number."""
    key: ItemKey
    answers: tuple[Answer, Answer]


def read_contestants(folders: Sequence[Path]) -> list[Contestant]:
    """The runs, in this order. Raises RunFolderError for a folder that is no run, or is named twice."""
    resolved = [folder.resolve() for folder in folders]
    if len(set(resolved)) < max(2, len(resolved)):
        raise RunFolderError(f"expected two or more different runs, found {', '.join(map(str, folders)) or 'none'}")
    names = [_names(load_run(folder)) for folder in resolved]
    counts = Counter(name for name, _ in names)
    found, total = [], 0
    for folder, (name, others) in zip(resolved, names, strict=True):
        answers, left_out = _answers(folder, MOST_ANSWERS - total)
        total += len(answers)
        label = f"{name} ({folder.name})" if counts[name] > 1 else name
        found.append(Contestant(label, others, answers, left_out))
    if len({one.label for one in found}) < len(found):
        raise RunFolderError(
            "expected runs that differ in model or folder name, found two of one name; rename a folder"
        )
    return found


def _names(run: Mapping[str, object]) -> tuple[str, frozenset[str]]:
    """The name of the model, and all its names without their folders."""
    server = run.get("server")
    root = server.get("root") if isinstance(server, Mapping) else None
    known = [str(name) for name in (run.get("model"), run.get("served"), root) if name]
    return (known or ["?"])[0], frozenset(name.rstrip("/").rpartition("/")[2].lower() for name in known)


def _answers(folder: Path, most: int) -> tuple[dict[ItemKey, Answer], Counter[str]]:
    found: dict[ItemKey, Answer] = {}
    left_out: Counter[str] = Counter()
    for record in read_samples(folder):
        problem = _problem(record)
        if problem:
            left_out[problem] += 1
            continue
        if len(found) >= most:
            raise RunFolderError(f"expected at most {MOST_ANSWERS:,} answers in all runs, found more, in {folder}")
        found[record.key] = _answer(record)
    return found, left_out


def _problem(record: SampleRecord) -> str:
    """Why the item has no answer that could be compared; "" if it has one."""
    if not record.kind.is_verdict:
        return "without a graded answer"
    if len(record.exchanges) != 1 or record.left_out:
        return "of several requests"
    messages = record.messages
    if not messages or not all(isinstance(message.get("content"), str) for message in messages):
        return "whose prompt is not text alone"
    return ""


def _answer(record: SampleRecord) -> Answer:
    messages, reply = record.messages, record.reply
    sent = orjson.dumps([messages, record.tools], option=orjson.OPT_SORT_KEYS, default=str)
    alone = len(messages) == 1
    shown = [
        str(message["content"]) if alone else f"{message.get('role')}: {message['content']}" for message in messages
    ]
    return Answer("\n\n".join(shown), hashlib.sha256(sent).hexdigest(), reply.text if reply is not None else "")


def pairs(contestants: Sequence[Contestant], *, baseline: int | None, every_pair: bool) -> Iterator[AnswerPair]:
    """Every two answers to one prompt: of each contestant and the baseline, or of each two."""
    for first, second in chosen_pairs(len(contestants), baseline=baseline, every_pair=every_pair):
        one, other = contestants[first].answers, contestants[second].answers
        for key, answer in one.items():
            rival = other.get(key)
            if rival is not None and rival.digest == answer.digest:
                yield AnswerPair(first, second, key, (answer, rival))


def chosen_pairs(count: int, *, baseline: int | None, every_pair: bool) -> list[tuple[int, int]]:
    """The contestants that meet; the baseline stands second."""
    if baseline is not None and not every_pair:
        return [(number, baseline) for number in range(count) if number != baseline]
    return list(itertools.combinations(range(count), 2))


def omissions(contestants: Sequence[Contestant]) -> list[str]:
    """One sentence for each reason why items are not compared."""
    said = []
    for one in contestants:
        said += [f"{one.label}: items {why} are left out: {count:,}" for why, count in sorted(one.left_out.items())]
    for one, other in itertools.combinations(contestants, 2):
        shared = one.answers.keys() & other.answers.keys()
        unequal = sorted(key.sample for key in shared if one.answers[key].digest != other.answers[key].digest)
        if unequal:
            named = ", ".join(unequal[:_SHOWN_IDS]) + (", ..." if len(unequal) > _SHOWN_IDS else "")
            said.append(f"{one.label} and {other.label}: unequal prompts are left out: {len(unequal):,} ({named})")
        alone = len(one.answers) + len(other.answers) - 2 * len(shared)
        if alone:
            said.append(f"{one.label} and {other.label}: items that only one of them has are left out: {alone:,}")
    return said


def word_for_word(contestant: Contestant) -> frozenset[str]:
    """Longer answers that the contestant gives to several prompts, as no honest model does."""
    prompts: dict[str, set[str]] = {}
    for answer in contestant.answers.values():
        if len(answer.text) >= _WORD_FOR_WORD_CHARS:
            prompts.setdefault(answer.text, set()).add(answer.digest)
    return frozenset(text for text, digests in prompts.items() if len(digests) > 1)
