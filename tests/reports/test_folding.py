"""A benchmark of many subsets is folded where a screen is read, and whole everywhere else."""

from __future__ import annotations

from dataclasses import replace

from pytest_modeleval.metrics import combine, macro, micro
from pytest_modeleval.metrics.aggregates import official_aggregate, with_both_means
from pytest_modeleval.reports.github import step_summary
from pytest_modeleval.reports.table import score_table
from pytest_modeleval.reports.terminal import summary_parts
from pytest_modeleval.results import BenchmarkSummary, RunSummary
from pytest_modeleval.store.summary_file import summary_json
from tests.support.report_cases import a_score, iquiz

SUBJECTS = [f"subject_{number:02}" for number in range(57)]
GROUPS = [micro(f"group {name}", of=SUBJECTS[name::4]) for name in range(4)]
FOLD = "with -v or in report.html"


def many(*, subsets: int = 57) -> RunSummary:
    """MMLU in shape: 57 subjects, of which number 40 is the lowest, a micro mean and four groups."""
    scores = [
        a_score(name, (60 + (at - 40) % 57) / 120, 0.4, 0.99, right=60 + (at - 40) % 57, wrong=60 - (at - 40) % 57)
        for at, name in enumerate(SUBJECTS[:subsets])
    ]
    declared = with_both_means([micro("OVERALL"), *GROUPS], len(SUBJECTS))
    aggregates = combine(declared, scores, [score.subset for score in scores])
    return RunSummary("M", True, (BenchmarkSummary("mmlu", "1", "acc", tuple(scores), aggregates),))


def test_fifty_seven_subjects_fit_forty_lines() -> None:
    """The official figure first and named so, macro beside micro, the five lowest, and how many more; none too wide."""
    summary = many()
    lines = [text for text, _ in summary_parts(summary, width=80, fold=FOLD)]
    assert len(lines) <= 40
    table = score_table(summary, width=80, fold=FOLD)
    assert "OVERALL (official)" in table[2]
    assert [line.split()[3] for line in table if "MACRO" in line] == ["MACRO"]
    assert [line.split()[3] for line in table[8:13]] == [f"subject_{number}" for number in range(40, 45)]
    assert table[-1] == f"52 more {FOLD}"
    assert max(map(len, table)) <= 80


def test_nothing_is_folded_with_v_and_in_files() -> None:
    """-v, summary.json and the GitHub summary hold all 57 subjects, the latter in a fold."""
    summary = many()
    for name in SUBJECTS:
        assert sum(name in line for line in score_table(summary, width=80)) == 1
    entry = summary_json(summary)["benchmarks"][0]
    assert [part["subset"] for part in entry["subsets"]] == SUBJECTS
    assert [part["name"] for part in entry["aggregates"] if part["official"]] == ["OVERALL"]
    page = step_summary(summary)
    folded, rest = page.split("<details>")
    assert folded.count("subject") == 5
    assert rest.split("</details>")[0].count("subject") == 57


def test_a_benchmark_that_fits_is_not_folded() -> None:
    """27 tasks, and a benchmark beside a folded one, stay as they are."""
    small = many(subsets=27)
    assert score_table(small, width=80, fold=FOLD) == score_table(small, width=80)
    both = replace(small, benchmarks=(*many().benchmarks, iquiz()))
    table = score_table(both, width=80, fold=FOLD)
    assert f"52 more {FOLD}" in table
    assert [line.split()[1] for line in table[-3:]] == ["iquiz"] * 3


def test_the_official_aggregate_is_no_part_of_another() -> None:
    """Groups must be declared before what they are parts of; the whole is the official one, wherever it stands."""
    assert official_aggregate([micro("OVERALL"), *GROUPS]) == "OVERALL"
    assert official_aggregate([macro("A", of=["x"]), macro("ALL", of=["A", "y"])]) == "ALL"
    assert official_aggregate([]) == ""


def test_macro_and_micro_are_both_shown_of_many_subsets_only() -> None:
    """The mean that is not declared is added last; not below 20 subsets, nor where both or neither are declared."""
    assert [found.name for found in with_both_means([micro("OVERALL")], 57)] == ["OVERALL", "MACRO"]
    assert [found.name for found in with_both_means([macro("AVERAGE")], 57)] == ["AVERAGE", "MICRO"]
    for declared, subsets in (([micro("OVERALL")], 2), ([micro("A"), macro("B")], 57), (GROUPS, 57)):
        assert with_both_means(declared, subsets) == tuple(declared)
