"""JUnit of whole runs: valid, whatever was answered, one case for each sample and gate, no warning."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests.support.loopback import Act, Answer, LoopbackServer, Refuse
from tests.support.page_cases import hostile_answers
from tests.support.suites import Suite

SCHEMA = Path(__file__).parent / "junit.xsd"
GATES = """
[[gate]]
name = "half is right"
kind = "floor"
benchmark = "quiz"
floor = 0.1
test = "point"
max_ungraded = 0.5

[[gate]]
name = "nearly all is right <&>"
kind = "floor"
benchmark = "quiz"
floor = 0.99
test = "point"
max_ungraded = 0.5

[[gate]]
name = "as before"
kind = "regression"
benchmark = "quiz"
"""


def mistakes(file: Path) -> list[str]:
    """What the schema finds in a JUnit file."""
    etree = pytest.importorskip("lxml.etree", reason="lxml is not installed")
    schema = etree.XMLSchema(etree.parse(str(SCHEMA)))
    schema.validate(etree.parse(str(file)))
    return [str(error) for error in schema.error_log]


@pytest.mark.parametrize("options", [(), ("-n", "2"), ("--eval-strict",)], ids=["one process", "xdist", "strict"])
def test_junit_is_valid_and_counts_what_it_holds(
    suite: Suite, server: LoopbackServer, options: tuple[str, ...]
) -> None:
    """Hostile answers, an item without a grade and all three verdicts: valid, counts true, properties of each case."""
    # Half a surrogate pair is no JSON and thus no answer.
    answers = [text.replace("\ud800", "") for text in hostile_answers("http://127.0.0.1:9")]
    suite.write_rows(100)
    (suite.path / "gates.toml").write_text(GATES)

    def script(body: dict[str, Any], attempt: int) -> Act:
        number = int(str(body["messages"][-1]["content"]).split()[1])
        if number == 7:
            return Refuse(400, text=answers[8])
        return Answer(text=answers[number] + ("\nANSWER: " + "ABCD"[number % 3] if number % 2 else ""))

    server.script = script
    result = suite.run(server.url, "--junitxml", "j.xml", "--eval-gates", "gates.toml", "-W", "error", *options)
    assert result.status == 1, result.out + result.err
    file = suite.path / "j.xml"
    assert mistakes(file) == []
    root = ET.parse(file).getroot()[0]
    cases = root.findall("testcase")
    samples = [case for case in cases if not str(case.get("name")).startswith("gate[")]
    assert len(samples) == 100
    assert len(cases) == int(root.get("tests", "0")) == 103
    for element, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert len(root.findall(f"testcase/{element}")) == int(root.get(attribute, "-1"))
    assert len(root.findall("testcase/error")) == 1
    # 50 even ones have no answer; one verdict of a gate is "cannot judge", another is "failed".
    wrong = 50 + sum(1 for number in range(1, 100, 2) if number % 4 == 0)
    shown = (wrong + 1, 1) if "--eval-strict" in options else (1, wrong + 1)
    assert (int(root.get("failures", "0")), int(root.get("skipped", "0"))) == shown
    for case in samples:
        names = [prop.get("name") for prop in case.iter("property")]
        assert names[:5] == ["benchmark", "subset", "sample", "repeat", "kind"]
        assert ("grade" in names) == (case.find("error") is None)


def test_schema_can_fail(tmp_path: Path) -> None:
    """Two results of one case, and a count that is none, are found."""
    file = tmp_path / "bad.xml"
    file.write_text(
        '<testsuites><testsuite name="p" tests="x" failures="0" errors="0" skipped="0" time="0" hostname="h" '
        'timestamp="2026-01-01T00:00:00"><testcase classname="" name="a" time="0"><error/><failure/></testcase>'
        "</testsuite></testsuites>"
    )
    assert len(mistakes(file)) >= 2
