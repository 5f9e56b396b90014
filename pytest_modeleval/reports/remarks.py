"""Remarks that qualify the scores: partial, ungraded, truncated, suspicious, limited. One sentence each.

Terminal, page, pytest-html and GitHub show the same sentences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_modeleval.records import Kind
from pytest_modeleval.reports.index_text import index_sentence
from pytest_modeleval.reports.refusal_advice import ADVICE
from pytest_modeleval.reports.table_rows import score_text, ungraded_of, ungraded_parts, unrecorded_of
from pytest_modeleval.reports.text_layout import counted, one_line, sentences
from pytest_modeleval.results import RunSummary, Score
from pytest_modeleval.run_figures import Savings

# (benchmark, subset) -> replies of the model as they came over the wire.
Replies = Mapping[tuple[str, str], Sequence[str]]

MAX_REPLIES = 3
_TRUNCATION_WARNING = 0.01
# Cases shown of one remark: a fault of the whole run would otherwise fill one line for each of 57 subsets.
_CASES = 3
_CAUSES = 8


@dataclass(frozen=True, slots=True)
class Remark:
    """One sentence or two below the table of scores.

    topic: "index", "limit", "saved", "shard", "selected", "model", "server", "suspicious", "partial", "ungraded",
    "excluded", "truncated", "marks", "causes", "advice", "repeats" or "interval".
    is_warning: the score does not mean what it seems to mean. replies: raw replies that belong to the sentence.
    """

    topic: str
    text: str
    is_warning: bool = True
    replies: tuple[str, ...] = ()


def remarks(summary: RunSummary, replies: Replies | None = None) -> list[Remark]:
    """Everything that qualifies the scores, weightiest first; empty if nothing does.

    summary.facts["limit"]: what --eval-limit was: a number of rows, a fraction below 1, or None. "shard": "2/3" where
    the run is one of three parts. "selected": benchmark -> (samples selected, samples there are) where -k or the like
    left some out. "restarts", "failed_attempts", "reply_models": see evaluation.server_events.
    replies: up to three raw replies of each suspicious subset.
    """
    if not summary.benchmarks:
        return []
    return [
        *(Remark("index", index_sentence(found), is_warning=False) for found in summary.indexes),
        *_limit(summary.facts.get("limit")),
        *_saved(summary.saved),
        *_shard(summary.facts.get("shard")),
        *_selected(summary.facts.get("selected")),
        *_reply_models(summary),
        *_server(summary),
        *_suspicious(summary, replies or {}),
        *_partial(summary),
        *_ungraded(summary),
        *_excluded(summary),
        *_truncated(summary),
        *_marks(summary),
        *_causes(summary),
        *_advice(summary),
        *_repeats(summary),
        *_interval(summary),
    ]


def _scores(summary: RunSummary) -> Iterator[tuple[str, Score]]:
    for entry in summary.benchmarks:
        for score in entry.subsets:
            yield one_line(f"{entry.benchmark} {score.subset}"), score


def _limit(limit: Any) -> Iterator[Remark]:
    text = str(limit).strip() if limit is not None else ""
    slice_note = "a slice, not the benchmark's score."
    if text.isdecimal():
        yield Remark("limit", f"Only the first {counted(int(text), 'row')} of each subset: {slice_note}")
        return
    try:
        fraction = float(text)
    except ValueError:
        return
    if 0.0 < fraction < 1.0:
        yield Remark("limit", f"Only the first {_percent(fraction)} of the rows of each subset: {slice_note}")


def _shard(shard: Any) -> Iterator[Remark]:
    if shard:
        yield Remark(
            "shard",
            f"Only shard {one_line(str(shard))} of the samples: a part, not the benchmark's score. "
            "`modeleval merge DIR... --into DIR` makes one run of the shards.",
        )


def _selected(parts: Any) -> Iterator[Remark]:
    found = [
        Remark(
            "selected",
            f"Only {int(some):,} of {counted(int(there), 'sample')} of {one_line(str(name))} were selected: a part, "
            "not the benchmark's score.",
        )
        for name, (some, there) in (parts or {}).items()
    ]
    shown = found if len(found) <= _CASES + 1 else found[:_CASES]
    yield from shown
    if len(found) > len(shown):
        yield Remark("selected", f"... and parts of {len(found) - len(shown)} more benchmarks.")


def _saved(saved: Savings | None) -> Iterator[Remark]:
    if saved is None:
        return
    spared = saved.of - saved.asked
    share = f" ({100.0 * spared / saved.of:.0f} %)" if saved.of else ""
    why = (
        "the verdict of every gate was certain"
        if saved.because == "stopped early"
        else "gates with a verdict need no repeats"
    )
    said = f"{saved.asked:,} of {counted(saved.of, 'item')} were asked"
    if spared:
        text = f"{saved.because.capitalize()}: {said}, {spared:,}{share} were spared, since {why}."
    else:
        text = f"Nothing was spared: {said}."
    yield Remark("saved", text, is_warning=False)


def _reply_models(summary: RunSummary) -> Iterator[Remark]:
    """Names in the replies that are not those of the requested model."""
    for name, entry in list((summary.facts.get("reply_models") or {}).items())[:_CASES]:
        said = f"{counted(int(entry['replies']), 'reply', 'replies')} of {one_line(summary.model)} carry the name"
        if entry.get("is_version"):
            yield Remark("model", f"{said} {one_line(name)}.", is_warning=False)
        else:
            yield Remark(
                "model",
                f"{said} {one_line(name)}, which is no name of the requested model: if it is another one, these are "
                "the scores of that one; if not, add the name to served_names in models.toml.",
            )


def _server(summary: RunSummary) -> Iterator[Remark]:
    """Restarts, and failed attempts by cause: a server that fails every hour must not look perfect."""
    yield from _restarts(summary)
    failed = Counter(summary.facts.get("failed_attempts") or {})
    if failed:
        yield Remark("server", f"Failed attempts: {failed.total():,} ({_most_common_text(failed)}).", is_warning=False)
    for cause, advice in ADVICE.items():
        if failed[cause]:
            yield Remark("server", advice)


def _restarts(summary: RunSummary) -> Iterator[Remark]:
    by_role: dict[str, list[Mapping[str, Any]]] = {}
    for entry in summary.facts.get("restarts") or []:
        by_role.setdefault(str(entry.get("role") or ""), []).append(entry)
    for role, restarts in sorted(by_role.items()):
        reasons = dict.fromkeys(str(entry.get("reason") or "unknown") for entry in restarts)
        times = "once" if len(restarts) == 1 else f"{len(restarts):,} times"
        yield Remark("server", sentences(f"The {_server_of(role)} was restarted {times}: {_listed(reasons)}"))


def _server_of(role: str) -> str:
    return f"server of the {one_line(role)}" if role else "server"


def _most_common_text(causes: Counter[str]) -> str:
    """The most frequent causes with their counts, and how many others: "12 timeout, 3 http_500, 1 other"."""
    most = causes.most_common(_CAUSES)
    shown = ", ".join(f"{count:,} {one_line(cause) or 'unknown'}" for cause, count in most)
    left = causes.total() - sum(count for _, count in most)
    return shown + (f", {left:,} other" if left else "")


def _suspicion(name: str, score: Score, shown: int) -> str:
    """Why a subset is suspicious. shown: how many raw replies follow."""
    graded = score.items - score.ungraded
    is_silent = score.counts.get(Kind.NO_ANSWER, 0) == graded
    what = "hold no answer in the asked form" if is_silent else "are wrong or hold no answer"
    text = (
        f"{one_line(name)} is suspicious: all {counted(graded, 'graded item')} "
        f"{what}, which looks like a harness or wiring fault, not like a model."
    )
    if shown:
        text += f" {'Its first raw reply' if shown == 1 else f'Its first {shown} raw replies'}:"
    return text


def _suspicious(summary: RunSummary, replies: Replies) -> Iterator[Remark]:
    found = []
    for entry in summary.benchmarks:
        for score in entry.subsets:
            if score.is_suspicious:
                shown = tuple(replies.get((entry.benchmark, score.subset), ()))[:MAX_REPLIES]
                text = _suspicion(f"{entry.benchmark} {score.subset}", score, len(shown))
                found.append(Remark("suspicious", text, replies=shown))
    yield from _first_cases(found, "suspicious")


def _partial(summary: RunSummary) -> Iterator[Remark]:
    for entry in summary.benchmarks:
        for score in entry.aggregates:
            name = one_line(f"{entry.benchmark} {score.name}")
            if score.is_partial:
                note = one_line(score.note) or _partial_note(score.missing, score.at_least, score.at_most)
                yield Remark("partial", sentences(note if note.startswith(name) else f"{name} {note}"))
            elif score.note:
                yield Remark("partial", sentences(f"{name}: {one_line(score.note)}"), is_warning=False)


def _partial_note(missing: Sequence[str], at_least: float | None, at_most: float | None) -> str:
    note = f"partial: without {_listed(missing)}" if missing else "partial"
    if at_least is not None and at_most is not None:
        note += f", the whole is between {score_text(at_least)} and {score_text(at_most)}"
    return note


def _ungraded(summary: RunSummary) -> Iterator[Remark]:
    found = []
    for name, score in _scores(summary):
        ungraded, lost = ungraded_of(score), unrecorded_of(score)
        if not ungraded:
            continue
        why = ungraded_parts(score.counts, lost)
        text = f"{name}: {ungraded:,} of {counted(score.items + lost, 'item')} ungraded ({why})"
        if score.if_ungraded_wrong is not None and score.if_ungraded_right is not None:
            text += (
                f"; with them the score lies between {score_text(score.if_ungraded_wrong)} (all ungraded wrong) and "
                f"{score_text(score.if_ungraded_right)} (all ungraded right)"
            )
        found.append(Remark("ungraded", text + "."))
    yield from _first_cases(found, "with ungraded items")
    if found and not summary.is_complete:
        yield Remark("ungraded", "The run is incomplete: going on with it asks only for what is missing.")


def _excluded(summary: RunSummary) -> Iterator[Remark]:
    for entry in summary.benchmarks:
        for reason in dict.fromkeys(entry.excluded.values()):
            names = [sample for sample, why in entry.excluded.items() if why == reason]
            text = f"{counted(len(names), 'sample')} excluded, in no count: {one_line(reason)} ({_listed(names)})"
            yield Remark("excluded", f"{one_line(entry.benchmark)}: {text}.", is_warning=False)


def _truncated(summary: RunSummary) -> Iterator[Remark]:
    found = []
    for name, score in _scores(summary):
        cut = score.counts.get(Kind.TRUNCATED, 0)
        graded = score.items - score.ungraded
        if graded and cut / graded > _TRUNCATION_WARNING:
            found.append(
                Remark(
                    "truncated",
                    f"{name}: {cut:,} of {graded:,} replies ({_percent(cut / graded)}) were cut at the token limit and "
                    f"count as 0; raise it with --eval-param max_tokens=N.",
                )
            )
    yield from _first_cases(found, "with more than 1 % of replies cut")


def _marks(summary: RunSummary) -> Iterator[Remark]:
    found = [
        Remark("marks", f"{name}: {one_line(mark)} in {count:,} of {counted(score.items, 'item')}.", is_warning=False)
        for name, score in _scores(summary)
        for mark, count in score.marks.items()
    ]
    yield from _first_cases(found, "with marks")


def _causes(summary: RunSummary) -> Iterator[Remark]:
    """Why items were lost, where there is more than one reason: different reasons need different remedies."""
    for entry in summary.benchmarks:
        causes: Counter[str] = Counter()
        for score in entry.subsets:
            causes.update(score.causes)
        if len(causes) > 1:
            text = f"{one_line(entry.benchmark)}, lost: {_most_common_text(causes)}."
            yield Remark("causes", text, is_warning=False)


def _advice(summary: RunSummary) -> Iterator[Remark]:
    for entry in summary.benchmarks:
        failing: dict[str, list[str]] = {}
        for score in entry.subsets:
            advice = entry.advice.get(score.subset)
            if advice is not None and score.score is not None:
                for text in advice.sentences(score.score, score.causes):
                    failing.setdefault(text, []).append(score.subset)
        for text, subsets in failing.items():
            names = one_line(f"{entry.benchmark} {_listed(subsets)}")
            yield Remark("advice", f"{names}: {sentences(one_line(text))}", is_warning=False)


def _repeats(summary: RunSummary) -> Iterator[Remark]:
    repeats = sorted({score.repeats for _, score in _scores(summary) if score.repeats > 1})
    if repeats:
        times = " or ".join(str(number) for number in repeats)
        yield Remark(
            "repeats",
            f"Each sample was asked {times} times: Num counts samples, all other counts are items (samples x repeats).",
            is_warning=False,
        )


def _interval(summary: RunSummary) -> Iterator[Remark]:
    small = [
        f"{name} ({score.num:,})"
        for name, score in _scores(summary)
        if score.score is not None and (score.low is None or score.high is None)
    ]
    if small:
        yield Remark("interval", f"Too few samples for an interval: {_listed(small)}.", is_warning=False)


def _first_cases(found: Sequence[Remark], what: str) -> Iterator[Remark]:
    """The first cases in full, the rest as a number."""
    shown = found if len(found) <= _CASES + 1 else found[:_CASES]
    yield from shown
    left = len(found) - len(shown)
    if left:
        yield Remark(found[0].topic, f"... and {left} more subsets {what}; summary.json has them all.")


def _listed(names: Iterable[str]) -> str:
    every = [one_line(name) for name in names]
    if len(every) <= _CASES + 1:
        return ", ".join(every)
    return f"{', '.join(every[:_CASES])} and {len(every) - _CASES} more"


def _percent(fraction: float) -> str:
    return f"{fraction * 100:.3g} %"
