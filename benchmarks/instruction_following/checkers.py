"""Judges a reply by the instructions of its prompt, strictly and loosely, as IFEval and IFBench both do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_modeleval.errors import Ungraded

from .arguments import Arguments, ungraded

# Characters of a reply. A reply of 100,000 tokens has some 500,000.
LONGEST_REPLY = 1_000_000

Rule = Callable[[str, Arguments], bool]


@dataclass(frozen=True, slots=True)
class Checker:
    """How one type of instruction is judged. Rules are pure functions; their first argument is never blank."""

    follows: Rule
    """The official verdict."""
    takes: tuple[str, ...] = ()
    """Names of the arguments, all of them required."""
    repaired: Rule | None = None
    """The verdict without the fault of the official rule; None where no fault is known or none has one remedy."""
    fault: str = ""
    """The fault as a short sentence: the mark of items where the two rules disagree."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Of one reply: a verdict for each instruction, in the order of the row."""

    strict: tuple[bool, ...]
    """The reply as it is follows the instruction."""
    loose: tuple[bool, ...]
    """The reply or one of its seven variants follows it."""
    marks: tuple[str, ...] = ()
    """A sentence for each instruction whose repaired rule gives another verdict, strict or loose."""


def check_reply(
    reply: str, instructions: Sequence[tuple[str, Mapping[str, Any]]], checkers: Mapping[str, Checker]
) -> Verdicts:
    """The verdicts on a reply. instructions: (id, arguments) each. A blank reply follows nothing.

    Raises Ungraded: an id that has no checker, arguments that a checker cannot use, a reply of more than LONGEST_REPLY
    characters, or a word list or model that is not there.
    """
    chosen = [(name, *_chosen(name, given, checkers)) for name, given in instructions]
    if len(reply) > LONGEST_REPLY:
        raise ungraded(
            f"expected a reply of at most {LONGEST_REPLY:,} characters, found {len(reply):,}", "reply_too_long"
        )
    variants = reply_variants(reply)
    strict, loose, marks = [], [], []
    for name, checker, arguments in chosen:
        verdict = _judge(checker.follows, arguments, variants)
        strict.append(verdict[0])
        loose.append(verdict[1])
        if checker.repaired is not None and _differs(checker.repaired, arguments, variants, verdict):
            marks.append(f"{name}: {checker.fault}")
    return Verdicts(tuple(strict), tuple(loose), tuple(dict.fromkeys(marks)))


def reply_variants(reply: str) -> tuple[str, ...]:
    """The reply first, then its variants for the loose verdict, without blank ones and repetitions.

    Without the first line, without the last, without both (white space around these is dropped), and all four without
    asterisks. An empty tuple for a blank reply, whose variants are blank too.
    """
    first, last = reply.find("\n"), reply.rfind("\n")
    without_first = reply[first + 1 :].strip() if first >= 0 else ""
    without_last = reply[:last].strip() if last >= 0 else ""
    inner = reply[first + 1 : last].strip() if first < last else ""
    texts = (reply, without_first, without_last, inner)
    every = (*texts, *(text.replace("*", "") for text in texts))
    return tuple(dict.fromkeys(text for text in every if text.strip()))


def _chosen(name: str, given: Mapping[str, Any], checkers: Mapping[str, Checker]) -> tuple[Checker, Arguments]:
    checker = checkers.get(name)
    if checker is None:
        raise ungraded(f"expected one of {len(checkers)} known instructions, found {name!r:.80}", "unknown_instruction")
    arguments = Arguments(name, given)
    arguments.check_names(checker.takes)
    return checker, arguments


def _differs(rule: Rule, arguments: Arguments, variants: Sequence[str], verdict: tuple[bool, bool]) -> bool:
    """Whether a repaired rule gives another verdict. False where it can give none: a mark must not cost a verdict."""
    try:
        return _judge(rule, arguments, variants) != verdict
    except Ungraded:
        return False


def _judge(rule: Rule, arguments: Arguments, variants: Sequence[str]) -> tuple[bool, bool]:
    """The strict and the loose verdict. The loose one follows from a strict one that is good."""
    if not variants:
        return False, False
    if rule(variants[0], arguments):
        return True, True
    return False, any(rule(variant, arguments) for variant in variants[1:])
