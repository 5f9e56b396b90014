"""A scripted judge for RAG: texts are made of facts ("fact-12 holds."), and its verdicts follow from them.

    LoopbackServer(RagJudge(), models=("referee",))

A statement is supported where all its facts stand in the passages. Errors are drawn from the words of each statement,
so that a run has the same ones whatever the order of requests.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.loopback import Answer

FENCE = re.compile(
    r"^<<< (?P<name>[^\n]+) (?P<digits>[0-9a-f]{12})\n(?P<text>.*?)\n>>> (?P=name) (?P=digits)$", re.M | re.S
)
FACT = re.compile(r"fact-\d+")


def parts_of(prompt: str) -> list[tuple[str, str]]:
    """Name and text of every fence."""
    return [(found["name"], found["text"]) for found in FENCE.finditer(prompt)]


def facts_of(text: str) -> set[str]:
    """The facts in a text."""
    return set(FACT.findall(text))


def draw(*words: object) -> float:
    """A number from 0 to 1 that depends on the words alone."""
    digest = hashlib.sha256("|".join(map(str, words)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


@dataclass
class RagJudge:
    """Called with the body of a request. miss, false_alarm: shares of wrong verdicts on true and on false things."""

    miss: float = 0.0
    false_alarm: float = 0.0
    seed: int = 0
    drops: Callable[[int], bool] = lambda number: False
    """Numbers that it gives no verdict on."""
    varies: bool = False
    """Errors are drawn anew for every judgement."""
    verdicts: list[tuple[str, bool, bool]] = field(default_factory=list)
    """Task, truth and verdict of every number."""

    def __call__(self, body: dict[str, Any], attempt: int) -> Answer:
        prompt = str(body["messages"][-1]["content"])
        parts = parts_of(prompt)
        if "DECLINES" in prompt:
            return Answer(text=_split(dict(parts)["text"]))
        salt = body.get("seed") if self.varies else 0
        lines = [
            f"{number}: {label}"
            for number, label in enumerate(self._labels(prompt, parts, salt), start=1)
            if not self.drops(number)
        ]
        return Answer(text="\n".join(lines))

    def _labels(self, prompt: str, parts: list[tuple[str, str]], salt: object) -> list[str]:
        named = dict(parts)
        passages = [text for name, text in parts if name.startswith("passage ")]
        statements = [line.partition(". ")[2] for line in named.get("statements", "").splitlines()]
        if "UNSUPPORTED" in prompt:
            known = facts_of("\n".join(passages))
            return [self._label("SUPPORTED UNSUPPORTED", text, facts_of(text) <= known, salt) for text in statements]
        if "CONTRADICTED" in prompt:
            said = facts_of(named["answer"])
            return [self._label("STATED MISSING", text, facts_of(text) <= said, salt) for text in statements]
        wanted = facts_of(named.get("reference answer", "") + named["question"])
        return [self._label("RELEVANT IRRELEVANT", text, bool(facts_of(text) & wanted), salt) for text in passages]

    def _label(self, labels: str, text: str, truth: bool, salt: object) -> str:
        is_wrong = draw(self.seed, salt, labels, text) < (self.miss if truth else self.false_alarm)
        self.verdicts.append((labels, truth, truth != is_wrong))
        positive, negative = labels.split()
        return positive if truth != is_wrong else negative


def _split(text: str) -> str:
    if "do not know" in text:
        return "DECLINES: yes"
    sentences = [sentence.strip() for sentence in text.split(".") if facts_of(sentence)]
    return "\n".join(["DECLINES: no", *(f"{number}. {one}." for number, one in enumerate(sentences, start=1))])
