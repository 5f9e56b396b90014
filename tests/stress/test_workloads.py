"""The requests of a workload have the lengths, the shared beginnings and the conversations that its name says."""

from __future__ import annotations

import json
from itertools import islice
from statistics import mean, median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modeleval.stress.filler import WORDS, TokenCounts, random_words, seeded
from pytest_modeleval.stress.spread import Spread
from pytest_modeleval.stress.traces import read_trace
from pytest_modeleval.stress.workloads import PlannedRequest, Workload

lengths = st.one_of(
    st.integers(1, 900).map(str),
    st.tuples(st.integers(1, 400), st.integers(0, 400)).map(lambda pair: f"{pair[0]}..{sum(pair)}"),
    st.tuples(st.integers(1, 400), st.integers(0, 20)).map(lambda pair: f"{pair[0]}~{pair[1] / 10}"),
)
modifiers = st.lists(
    st.sampled_from(["+prefix0.5", "+prefix1x3", "+turns3", "+think2", "+think0.5..3", "+tools2"]),
    unique_by=lambda text: text[:6],
    max_size=3,
).map("".join)
workloads = st.builds(lambda *parts: f"chat-{parts[0]}-{parts[1]}{parts[2]}", lengths, lengths, modifiers)


def first(text: str, number: int, seed: object = 0, **given: object) -> list[PlannedRequest]:
    """The first requests of a workload."""
    return list(islice(Workload.parse(text).requests(seed, **given), number))  # type: ignore[arg-type]


def words_of(request: PlannedRequest) -> list[str]:
    """The words of its messages."""
    return [word for message in request.messages for word in message["content"].split()]


def shared(one: PlannedRequest, other: PlannedRequest) -> int:
    """Words that two prompts begin with."""
    pairs = list(zip(words_of(one), words_of(other), strict=False))
    return next((number for number, (left, right) in enumerate(pairs) if left != right), len(pairs))


@settings(max_examples=40, deadline=None)
@given(workloads, st.integers(0, 99))
def test_requests_follow_from_the_seed_and_keep_their_lengths(text: str, seed: int) -> None:
    """The same seed gives the same requests; each has as many words as its tokens; its name is its text."""
    workload = Workload.parse(text)
    found = first(text, 7, seed)
    assert found == first(text, 7, seed)
    assert workload.name == text
    assert workload.input_tokens
    assert workload.output_tokens
    for request in found:
        shares_all = workload.prefix is not None and workload.prefix.share == 1 and request.turn == 0
        assert len(words_of(request)) == request.words == (request.input_tokens or 0) + shares_all
        assert 1 <= (request.input_tokens or 0) <= max(1, round(workload.input_tokens.high))
        assert 1 <= (request.wanted_tokens or 0) <= max(1, round(workload.output_tokens.high))
        assert len(request.tools) == workload.tools
        assert (request.session is None) == (workload.turns == 1)
        assert (request.think_s > 0) == (request.turn > 0 and workload.think.high > 0)


def test_other_seeds_share_no_beginning() -> None:
    """Two seeds, and two requests of a seed, begin with other words: no prefix cache is hit by chance."""
    assert shared(first("chat-64-8", 1, 1)[0], first("chat-64-8", 1, 2)[0]) < 4
    assert shared(*first("chat-64-8", 2)) < 4


@given(lengths, st.integers(0, 999))
def test_a_spread_stays_in_its_range(text: str, seed: int) -> None:
    """Draws lie from low to high, and whole draws are at least 1."""
    spread = Spread.parse(text)
    rng = seeded(seed)
    assert all(spread.low <= spread.draw(rng) <= spread.high for _ in range(9))
    assert all(1 <= spread.draw_count(rng) <= max(1, round(spread.high)) for _ in range(9))


def test_a_lognormal_spread_has_its_median_and_its_limit() -> None:
    """512~0.6..600: half of the draws lie below 512, none above 600."""
    rng = seeded(1)
    drawn = [Spread.parse("512~0.6..600").draw_count(rng) for _ in range(4000)]
    assert median(drawn) == pytest.approx(512, rel=0.03)
    assert max(drawn) == 600
    assert mean(Spread.parse("10..20").draw_count(rng) for _ in range(4000)) == pytest.approx(15, rel=0.02)


def test_a_prefix_is_shared_by_its_pool() -> None:
    """Half of a prompt of 100 tokens: 50 words, or a few of the rest by chance; three pools give three beginnings."""
    prompts = first("chat-100-8+prefix0.5", 9)
    assert all(50 <= shared(prompts[0], other) < 54 for other in prompts[1:])
    pooled = first("chat-100-8+prefix0.5x3", 60)
    assert len({tuple(words_of(request)[:50]) for request in pooled}) == 3
    assert len({tuple(words_of(request)[:52]) for request in pooled}) == 60


def test_shorter_prompts_share_a_part_of_the_prefix() -> None:
    """More random words from the same seed begin with the fewer, so lengths that differ share what the shorter has."""
    assert random_words(seeded(1), 90)[:40] == random_words(seeded(1), 40)
    one, other = sorted(first("chat-50..500-8+prefix0.5", 2), key=lambda request: request.words or 0)
    assert shared(one, other) >= round((one.words or 0) * 0.5)


def test_turns_of_a_conversation_follow_each_other() -> None:
    """Session by session, each with turns from 0, and only later turns have a pause."""
    found = first("chat-9-9+turns3+think2", 6)
    assert [(request.session, request.turn, request.think_s) for request in found] == [
        (session, turn, 2.0 if turn else 0.0) for session in (0, 1) for turn in (0, 1, 2)
    ]


def test_counts_are_fitted_to_usage() -> None:
    """Two replies give tokens a word and the template's tokens; one gives their ratio."""
    fitted = TokenCounts.from_usage([(100, 142), (300, 402)])
    assert (fitted.per_word, fitted.overhead) == pytest.approx((1.3, 12))
    assert fitted.words_for(662) == 500
    assert TokenCounts.from_usage([(100, 130)]) == TokenCounts(1.3)
    for replies in ([], [(100, 50), (200, 40)]):
        with pytest.raises(ValueError, match="expected"):
            TokenCounts.from_usage(replies)


@given(st.integers(20, 500), st.floats(0, 40))
def test_a_tokenizer_makes_lengths_exact(tokens: int, overhead: float) -> None:
    """With a function that counts tokens (here: letters in threes), a text is at most one word away from its length."""

    def count(text: str) -> int:
        return sum(-(-len(word) // 3) for word in text.split())

    counts = TokenCounts.by_tokenizer(count, overhead=overhead)
    found = first(f"chat-{tokens}-1", 1, counts=counts)[0]
    assert len(words_of(found)) == 1 or abs(count(" ".join(words_of(found))) + overhead - tokens) <= 3.5


MOONCAKE = [
    {"timestamp": 3500, "input_length": 600, "output_length": 5, "hash_ids": [7, 9]},
    {"timestamp": 1000, "input_length": 1100, "output_length": 52, "hash_ids": [7, 8, 3]},
]


def test_a_mooncake_trace_is_replayed() -> None:
    """Times start at 0 in seconds, lengths are kept, the first block (512 tokens) of id 7 is shared, speed divides."""
    rows = read_trace(json.dumps(entry) for entry in MOONCAKE)
    workload = Workload.parse("trace:/data/conversation trace.jsonl+speed2")
    assert (workload.name, workload.source) == ("trace-conversation_trace+speed2", "/data/conversation trace.jsonl")
    assert workload.has_times
    found = list(workload.requests(0, rows=rows))
    assert [(request.at_s, request.words, request.wanted_tokens) for request in found] == [
        (0, 1100, 52),
        (1.25, 600, 5),
    ]
    assert 512 <= shared(*found) < 516


def test_our_own_trace_is_replayed() -> None:
    """Sessions count their turns and keep their pauses; a recorded prompt is sent as it is."""
    entries = [
        {"at_s": 5, "input_tokens": 9, "output_tokens": 3, "session": "b"},
        {"at_s": 6, "messages": [{"role": "user", "content": "How?"}], "session": "a"},
        {"at_s": 7, "input_tokens": 4, "session": "b", "think_s": 1.5},
    ]
    found = list(Workload.parse("trace:t").requests(0, rows=read_trace(map(json.dumps, entries))))
    assert [(request.at_s, request.session, request.turn, request.think_s) for request in found] == [
        (0, 0, 0, 0),
        (1, 1, 0, 0),
        (2, 0, 1, 1.5),
    ]
    assert found[1].messages == ({"role": "user", "content": "How?"},)
    assert (found[1].input_tokens, found[1].words, found[1].wanted_tokens) == (None, None, None)


def test_lengths_come_from_a_file() -> None:
    """Pairs stay together; both forms of a line are read."""
    rows = read_trace(["10 3", "20, 4", '{"input_length": 30, "output_length": 5}'], needs_times=False)
    found = first("lengths:dir/pairs.txt+turns2", 40, rows=rows)
    assert {(request.input_tokens, request.wanted_tokens) for request in found} == {(10, 3), (20, 4), (30, 5)}
    assert Workload.parse("lengths:dir/pairs.txt+turns2").name == "lengths-pairs+turns2"


def test_prompts_of_a_benchmark_each_come_once_before_one_comes_again() -> None:
    """Laps in other orders; the row is named, so that its answer can be graded."""
    prompts = [[{"role": "user", "content": str(number)}] for number in range(20)]
    found = first("bench:math_500-64", 40, prompts=prompts)
    laps = [[request.row for request in lap] for lap in (found[:20], found[20:])]
    assert [sorted(lap) for lap in laps] == [list(range(20))] * 2  # type: ignore[type-var]
    assert laps[0] != laps[1]
    assert all(request.messages == tuple(prompts[request.row or 0]) for request in found)
    assert Workload.parse("bench:gsm8k").output_tokens is None
    assert Workload.parse("bench:gsm8k").name == "bench-gsm8k"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "chat",
        "chat-512",
        "chat-512-",
        "chat-9..1-4",
        "chat-0~1-4",
        "chat-9~9-4",
        "chat-1-1+prefix0",
        "chat-1-1+prefix1.5",
        "chat-1-1+prefix1x0",
        "chat-1-1+prefix1+prefix1",
        "chat-1-1+turns0",
        "chat-1-1+turns1.5",
        "chat-1-1+tools99",
        "chat-1-1+speed2",
        "chat-1-1+think~",
        "chat-1-1+fast1",
        "trace:f+turns2",
        "trace:f+speed0",
        "bench:gsm8k+turns2",
        "talk-1-1",
    ],
)
def test_another_form_is_refused(text: str) -> None:
    """The message names the workload and says what is expected."""
    with pytest.raises(ValueError, match=r"workload .*(expected|does not go)"):
        Workload.parse(text)


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "[]",
        "x",
        "[" * 9999,
        '{"input_length": 5}',
        '{"timestamp": -1, "input_length": 5}',
        '{"timestamp": NaN, "input_length": 5}',
        '{"timestamp": 1, "input_length": 0}',
        '{"timestamp": 1, "input_length": 1e99}',
        '{"at_s": 1, "messages": [3]}',
        '{"at_s": 1, "input_tokens": null}',
    ],
)
def test_a_damaged_trace_is_refused(line: str) -> None:
    """The message has the number of the line."""
    with pytest.raises(ValueError, match="line 2: "):
        read_trace([json.dumps(MOONCAKE[0]), line])


@pytest.mark.parametrize("text", ["trace:f", "lengths:f", "bench:gsm8k"])
def test_missing_rows_are_refused(text: str) -> None:
    """A workload that lives on rows is not sent without them."""
    with pytest.raises(ValueError, match="expected the rows of"):
        Workload.parse(text).requests(0)
    with pytest.raises(ValueError, match="found none"):
        read_trace([])


def test_words_are_many_and_plain() -> None:
    """At least 400 words without a repetition, in lower case."""
    assert len(WORDS) == len(set(WORDS)) >= 400
    assert all(word.isalpha() and word.islower() for word in WORDS)
