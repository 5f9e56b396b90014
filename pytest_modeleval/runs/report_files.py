"""Reports written at the end of a run: report.html and GitHub's step summary."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Set
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_modeleval._support.atomic_file import atomic_file
from pytest_modeleval.records import ItemKey, Kind, Response
from pytest_modeleval.results import RunSummary
from pytest_modeleval.samples.message_text import call_text
from pytest_modeleval.store.contents import Contents
from pytest_modeleval.store.image_files import read_image
from pytest_modeleval.store.journal import read_line
from pytest_modeleval.store.run_folder import RunFolder
from pytest_modeleval.store.summary_file import summary_json

# The rooms of reports and of samples are loaded at the end, when there is something to report.
if TYPE_CHECKING:
    from pytest_modeleval.reports.page_data import SampleView
    from pytest_modeleval.samples.record import SampleRecord

REPORT_FILE = "report.html"
RAW_REPLIES = 3
# Fields of replies that hold probabilities and no text.
_SCORES = frozenset({"scores", "first_tokens", "decision"})


def write_report(folder: RunFolder, summary: RunSummary) -> Path:
    """report.html of the run folder, with every item; written piece by piece, in bounded memory."""
    from pytest_modeleval.reports.page.document import page_parts  # noqa: PLC0415 - jinja2, only at the end
    from pytest_modeleval.samples.reading import SampleReader  # noqa: PLC0415

    reader = SampleReader(folder.path, folder.reader.contents)
    parts = page_parts(
        summary,
        summary_json=summary_json(summary),
        run=folder.run,
        samples=(record.to_json() for record in reader.read()),
        title=page_title(summary, folder.path.name),
        replies=raw_replies(summary, folder.reader.contents),
        read_image=partial(read_image, folder.path),
    )
    path = folder.path / REPORT_FILE
    with atomic_file(path) as draft, draft.open("w", encoding="utf-8", newline="\n") as file:
        for part in parts:
            file.write(part)
    return path


def raw_replies(summary: RunSummary, contents: Contents) -> dict[tuple[str, str], list[str]]:
    """(benchmark, subset) of each suspicious subset -> the first RAW_REPLIES graded replies as the server sent them.

    In place of probabilities stands what the grader said of them.
    """
    wanted: dict[tuple[str, str], list[str]] = {
        (entry.benchmark, score.subset): []
        for entry in summary.benchmarks
        for score in entry.subsets
        if score.is_suspicious
    }
    for key, outcome in contents.outcomes.items() if wanted else ():
        found = wanted.get((key.benchmark, key.subset))
        line = contents.responses.get(outcome.request_key)
        if found is not None and line is not None and len(found) < RAW_REPLIES and outcome.kind.is_verdict:
            reply = read_line(line).get("reply") or {}
            found.append(outcome.explanation if _SCORES & set(reply) else _reply_text(reply))
    return wanted


def _reply_text(reply: Mapping[str, Any]) -> str:
    return "\n".join(filter(None, [reply.get("content"), *map(call_text, reply.get("tool_calls") or ())]))


def page_title(summary: RunSummary, run_name: str) -> str:
    """What was evaluated, and which run it was: "gsm8k, mmlu and 3 more on MiniMax-M2 (2026-11-24T08-04-05Z)"."""
    names = [entry.benchmark for entry in summary.benchmarks]
    listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{listed} on {summary.model} ({run_name})" if names else f"{summary.model} ({run_name})"


def write_for_github(summary: RunSummary) -> list[str]:
    """Append to GitHub's step summary if there is one; the annotations to print, none outside of GitHub."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return []
    from pytest_modeleval.reports import github  # noqa: PLC0415

    target = os.environ.get("GITHUB_STEP_SUMMARY")
    if target:
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(github.step_summary(summary))
    return github.annotations(summary)


def views(folder: Path, contents: Contents, with_content: Set[ItemKey]) -> Iterator[SampleView]:
    """Every item of a run that has an outcome; messages are read only for those in with_content that are not right.

    contents: of the folder's journals.
    """
    from pytest_modeleval.samples.reading import SampleReader  # noqa: PLC0415

    reader = SampleReader(folder, contents)
    for brief in reader.index():
        key = brief.key
        if key in contents.outcomes:
            is_whole = brief.kind is not Kind.RIGHT and key in with_content
            yield _view(key, reader.complete(brief) if is_whole else brief)


def _view(key: ItemKey, record: SampleRecord) -> SampleView:
    from pytest_modeleval.reports.page_data import SampleView  # noqa: PLC0415

    reply = record.reply or Response("")
    return SampleView(
        key=key,
        kind=record.kind,
        value=record.value,
        answer=record.answer,
        cause=record.cause,
        explanation=record.explanation,
        target=record.target,
        request_messages=record.messages,
        content=reply.content,
        reasoning=reply.reasoning_content,
        tool_calls=reply.tool_calls,
        tools=record.tools,
        finish_reason=record.finish_reason,
        tokens=record.completion_tokens,
        total_s=record.total_s,
        has_repeats=record.id != record.sample,
    )
