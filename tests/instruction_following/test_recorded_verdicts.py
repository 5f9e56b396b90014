"""The checkers give the verdicts that the authors' code gave, on the replies that the authors published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from benchmarks.instruction_following import IFBENCH, IFEVAL, Checker, Verdicts, check_reply
from benchmarks.instruction_following.language import has_tagger
from pytest_modeleval.errors import Ungraded
from tests.support.instructions import Recorded, need_word_lists, recorded_ifbench, recorded_ifeval, recorded_replies

# Prompts that ask for a character which is no letter: the official checker draws a letter at random.
RANDOM_KEYS = {"1122", "1129"}


def verdicts_of(
    recorded: Sequence[Recorded], checkers: Mapping[str, Checker]
) -> tuple[list[tuple[Recorded, Verdicts]], set[str]]:
    """What ours say, and the keys of what they leave ungraded."""
    graded, ungraded = [], set()
    for reply in recorded:
        try:
            graded.append((reply, check_reply(reply.response, reply.instructions, checkers)))
        except Ungraded:
            ungraded.add(reply.key)
    return graded, ungraded


def figures(verdicts: Sequence[tuple[tuple[bool, ...], tuple[bool, ...]]]) -> list[float]:
    """Prompt strict, prompt loose, instruction strict, instruction loose."""
    every = sum(len(strict) for strict, _ in verdicts)
    prompts = [sum(all(pair[place]) for pair in verdicts) / len(verdicts) for place in (0, 1)]
    return prompts + [sum(sum(pair[place]) for pair in verdicts) / every for place in (0, 1)]


def assert_equal(graded: Sequence[tuple[Recorded, Verdicts]]) -> None:
    """Each verdict, and the four figures to 1e-9."""
    wrong = [
        f"{reply.key} {reply.instructions}: strict {ours.strict}, loose {ours.loose}"
        for reply, ours in graded
        if (ours.strict, ours.loose) != (reply.strict, reply.loose)
    ]
    assert not wrong, "\n".join(wrong)
    own = figures([(ours.strict, ours.loose) for _, ours in graded])
    assert own == pytest.approx(figures([(reply.strict, reply.loose) for reply, _ in graded]), abs=1e-9)


def test_ifeval_verdicts_are_the_recorded_ones() -> None:
    """All of the 540 replies of GPT-4 but those to the two prompts whose official checker is random."""
    recorded = recorded_ifeval()
    need_word_lists()
    graded, ungraded = verdicts_of(recorded, IFEVAL)
    assert ungraded == RANDOM_KEYS
    assert len(graded) == 538
    assert_equal(graded)


def test_ifbench_verdicts_are_the_recorded_ones() -> None:
    """All replies of the authors' sample that are here, but those that need the model of NLTK which is not."""
    recorded = recorded_ifbench()
    need_word_lists()
    graded, ungraded = verdicts_of(recorded, IFBENCH)
    verbs = {reply.key for reply in recorded if "words:start_verb" in dict(reply.instructions)}
    assert ungraded == (set() if has_tagger() else verbs)
    assert len(graded) == len(recorded) - len(ungraded)
    assert_equal(graded)


def test_only_the_prompt_that_merges_others_has_no_row() -> None:
    """The first release of IFBench has seven prompts in one; the newer one has them apart."""
    _, strange = recorded_replies("ifbench", "test", "recorded_official")
    assert len(strange) == 1
    assert strange[0].count("['words:vowel']") > 1


def test_every_type_of_instruction_of_the_rows_has_a_checker_that_takes_its_arguments() -> None:
    """25 and 58 types, and each row's arguments are those that the checker wants."""
    assert (len(IFEVAL), len(IFBENCH)) == (25, 58)
    for recorded, checkers in ((recorded_ifeval(), IFEVAL), (recorded_ifbench(), IFBENCH)):
        for reply in recorded:
            for name, given in reply.instructions:
                present = {key for key, value in given.items() if value is not None}
                assert present == set(checkers[name].takes)
