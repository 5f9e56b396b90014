"""What the documents say about options, files and formats is so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest

from pytest_modeleval.options import OPTIONS
from pytest_modeleval.records import Kind
from tests.support.loopback import Answer, LoopbackServer, Refuse
from tests.support.suites import BENCHMARK, Suite

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md"), *ROOT.glob("benchmarks/*/*.md")]
)
LOOKS_UP = BENCHMARK.replace("request=to_request", "solve=solve").replace(
    "@benchmark",
    """
async def look_up():
    return [["a title", "https://example.org", "a snippet"]]

async def solve(sample, model):
    await model.use_tool("look_up", {"keywords": sample.question}, look_up)
    first = to_request(sample)
    await model.ask(first)
    return await model.ask(Request([*first.messages, {"role": "user", "content": f"Are you sure? {sample.question}"}]))

@benchmark""",
)
SCHEMA = ROOT / "pytest_modeleval" / "store" / "summary.schema.json"


def text_of(page: Path) -> str:
    """A page as it stands."""
    return page.read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    """For the ids of tests."""
    return str(page.relative_to(ROOT))


def test_every_option_has_its_row() -> None:
    """docs/options.md has one row for each option, with its ini key and its variable, in the order of --help."""
    rows = re.findall(r"^\| `(--[\w-]+)[^|]*\| `(\w+)` \| `(\w+)` \|", text_of(ROOT / "docs" / "options.md"), re.M)
    assert rows == [(option.flag, option.ini, option.env) for option in OPTIONS]


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, id=name_of(page)) for page in PAGES],
)
def test_every_option_that_is_named_exists(page: Path) -> None:
    """No page names an --eval- or --model option that the plugin does not have."""
    named = set(re.findall(r"(?<![\w-])--(?:eval|model)(?:-[a-z]+)*(?![\w-])", text_of(page)))
    # Flags of other programs: SGLang's for the weights, EvalScope's and lm-eval's of runs.
    others = {"--model-path", "--eval-batch-size", "--eval-type", "--eval-backend", "--model-id", "--model-args"}
    others |= {"--model-task", "--model-role", "--model-config", "--model-base-url", "--eval-config"}
    assert named - others <= {option.flag for option in OPTIONS}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_something(page: Path) -> None:
    """Relative links name files that are there, and their anchors are headings of that file."""
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.+)$", text_of(file), re.M)
            assert anchor in {re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_that_are_named_exist(page: Path) -> None:
    """A path below ci/, docs/, tests/ or pytest_modeleval/ in backquotes, or a command ci/..., is there."""
    named = re.findall(r"(?<![\w/.])((?:ci|docs|tests|pytest_modeleval)/[\w/.-]*\w)", text_of(page))
    # Examples of a user's own files, and the folder that exists only in the wheel.
    examples = re.compile(r"ci/(gates\.toml|baselines/)|pytest_modeleval/shipped_benchmarks")
    missing = [path for path in named if not examples.match(path) and not (ROOT / path).exists()]
    assert not missing


def test_every_kind_has_its_row() -> None:
    """docs/kinds.md lists all kinds, in their order, and says which are verdicts."""
    rows = re.findall(r"^\| `(\w+)`[^|]*\| (yes|no) \|", text_of(ROOT / "docs" / "kinds.md"), re.M)
    assert rows == [(kind.value, "yes" if kind.is_verdict else "no") for kind in Kind]


def sort_of(entry: dict[str, Any]) -> str:
    """The type of a journal line; a response may be kept whole, or after another."""
    return f"{entry['type']} after" if "after" in entry else str(entry["type"])


def test_journal_examples_are_what_a_run_writes(suite: Suite, server: LoopbackServer) -> None:
    """Each example line of docs/run-folder.md has the fields of a line of its type that a run wrote."""
    server.script = lambda body, _: (
        Refuse(400) if "Question 1 " in body["messages"][-1]["content"] else Answer("ANSWER: C")
    )
    suite.write_benchmark(LOOKS_UP)
    suite.write_rows(4)
    suite.run(server.url)
    wrote: dict[str, Any] = {}
    for line in (suite.run_dir / "journal.jsonl").read_text().splitlines():
        entry = json.loads(line)
        wrote.setdefault(sort_of(entry), entry)
    blocks = re.findall(r"```json\n(.+)\n```", text_of(ROOT / "docs" / "run-folder.md"))
    shown = {sort_of(entry): entry for entry in map(json.loads, blocks)}
    sorts = ["attempt", "grade", "plan", "response", "response after", "tool", "ungraded"]
    assert sorted(shown) == sorted(wrote) == sorts
    assert {kind: sorted(entry) for kind, entry in shown.items()} == {
        kind: sorted(entry) for kind, entry in wrote.items()
    }


def test_run_json_has_the_keys_of_its_page(suite: Suite, server: LoopbackServer) -> None:
    """docs/run-folder.md names every key of run.json, and no other."""
    suite.write_rows(2)
    suite.run(server.url)
    section = text_of(ROOT / "docs" / "run-folder.md").partition("## run.json")[2].partition("\n## ")[0]
    named = {key for row in re.findall(r"^\| (`[^|]*) \|", section, re.M) for key in re.findall(r"`(\w+)`", row)}
    assert named == set(json.loads((suite.run_dir / "run.json").read_text()))


def test_summaries_follow_the_schema(suite: Suite, server: LoopbackServer) -> None:
    """summary.json is valid against its schema: graded, ungraded, repeated, with a gate that cannot be judged."""
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    server.script = lambda body, _: (
        Refuse(400) if "Question 1 " in body["messages"][-1]["content"] else Answer("ANSWER: C")
    )
    suite.write_rows(6)
    gates = suite.path / "gates.toml"
    gates.write_text('[[gate]]\nkind = "regression"\nbenchmark = "quiz"\n')
    result = suite.run(server.url, "--eval-repeats", "2", "--eval-gates", str(gates))
    assert result.status == 6, result.out + result.err
    assert result.summary is not None
    jsonschema.validate(result.summary, schema, jsonschema.Draft202012Validator)
    assert result.summary["gates"][0]["verdict"] == "cannot judge"
    assert result.subset()["counts"]["server_error"] == 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda summary: summary.pop("gates"),
        lambda summary: summary.update(extra=1),
        lambda summary: summary["benchmarks"][0]["subsets"][0].update(score=1.5),
        lambda summary: summary["benchmarks"][0]["subsets"][0]["counts"].pop("timeout"),
    ],
    ids=["key missing", "key unknown", "score above 1", "kind missing"],
)
def test_the_schema_refuses_what_is_none(suite: Suite, server: LoopbackServer, spoil: Any) -> None:
    """The schema is no rubber stamp: a summary that was spoilt does not pass."""
    suite.write_rows(1)
    summary = suite.run(server.url).summary
    spoil(summary)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(summary, json.loads(SCHEMA.read_text()), jsonschema.Draft202012Validator)
