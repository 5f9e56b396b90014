"""What a declaration may say of roles, and which models are related."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_modeleval import Grade
from pytest_modeleval.errors import DeclarationError, SettingsError
from pytest_modeleval.roles import check_roles, roles_of_grader
from pytest_modeleval.runs.further_models import families, relation
from pytest_modeleval.server_facts import ModelFacts, ServerFacts
from pytest_modeleval.settings import parse_roles


async def with_judge(sample: Any, response: Any, *, judge: Any) -> Grade:
    """A grader."""
    return Grade.right()


def ordinary(sample: Any, response: Any, *, judge: Any) -> Grade:
    """A grader."""
    return Grade.right()


async def without(sample: Any, response: Any) -> Grade:
    """A grader without a judge."""
    return Grade.right()


def test_a_grader_takes_the_roles_that_it_names() -> None:
    """By keyword."""
    check_roles("quiz", ("judge",), grade=with_judge, solve=None)
    assert roles_of_grader(with_judge, ("judge", "user")) == ["judge"]


@pytest.mark.parametrize(
    ("roles", "grade", "words"),
    [
        ("judge", with_judge, "expected a tuple"),
        (("Judge",), with_judge, "lower-case words"),
        (("judge",), ordinary, "expected `async def`"),
        (("judge",), without, "does not take judge"),
    ],
)
def test_roles_that_reach_nobody_are_refused(roles: Any, grade: Any, words: str) -> None:
    """With a sentence that says what was expected."""
    with pytest.raises(DeclarationError, match=words):
        check_roles("quiz", roles, grade=grade, solve=None)


def facts(served: str, root: str = "") -> ModelFacts:
    """A served model."""
    server = ServerFacts(model=served, root=root)
    return ModelFacts(name=served, server=server, identity=server.identity)


@pytest.mark.parametrize(
    ("model", "judge", "words"),
    [
        ("Qwen/Qwen3-8B", "Qwen3-8B", "is the model under test"),
        ("Qwen/Qwen3-8B", "QwQ-32B", "same family as the model under test (qwen)"),
        ("gpt-4o", "o3-mini", "(openai)"),
        ("DeepSeek-R1-Distill-Qwen-7B", "Qwen3-235B", "(qwen)"),
        ("MiniMaxAI/MiniMax-M2", "Qwen3-235B", ""),
        ("prod-7", "prod-8", ""),
        ("phind-1", "phi-4", ""),
    ],
)
def test_relations(model: str, judge: str, words: str) -> None:
    """By the words of names; unknown words relate nothing."""
    found = relation(facts(model), facts(judge))
    assert words in found
    assert bool(found) is bool(words)


def test_the_weights_count_where_they_are_known() -> None:
    """Two servers may both serve as "default"."""
    assert not relation(facts("default", "MiniMax-M2"), facts("default", "Qwen3-8B"))
    assert relation(facts("default", "Qwen3-4B"), facts("other", "Qwen3-8B"))


def test_families_of_a_distilled_model() -> None:
    """Both."""
    assert families(frozenset({"deepseek-r1-distill-llama-8b"})) == {"deepseek", "llama"}


def test_roles_are_named_once() -> None:
    """--judge is the role judge; its address and key need its name."""
    found = parse_roles(["user=sim"], judge="referee", judge_urls=["http://x"], judge_key_env=None)
    assert (found["user"].model, found["judge"].urls) == ("sim", ("http://x",))
    for pairs, judge, urls in ((["judge=a"], "b", []), (["user=a", "user=b"], "", []), ([], "", ["http://x"])):
        with pytest.raises(SettingsError):
            parse_roles(pairs, judge=judge, judge_urls=urls, judge_key_env=None)
    for pair in ("user", "=x", "User=x", "user="):
        with pytest.raises(SettingsError, match="expected ROLE=PROFILE"):
            parse_roles([pair], judge="", judge_urls=[], judge_key_env=None)
