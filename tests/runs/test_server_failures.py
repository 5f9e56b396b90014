"""Every way in which the stand-in for SGLang fails, through the real command: its advice, and exit status 4 or 6."""

from __future__ import annotations

import sys
from xml.etree import ElementTree

import pytest

from pytest_modeleval.server.crash_diagnosis import diagnose
from tests.support.sglang_suites import arguments, left, responses, stand_in_failures, write_profile
from tests.support.suites import Suite
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
# How the stand-in can fail, and how the advice begins.
FAILURES = {
    "out_of_memory": "the GPUs are full",
    "kv_memory": "no memory is left for the KV cache: raise mem-fraction-static",
    "cache_exhausted": "the KV cache ran full while generating",
    "port_in_use": "a port is taken",
    "nccl": "the GPUs could not talk to each other",
    "fp8_blocks": "keep --ep-size equal to --tp-size",
    "unknown_architecture": "this version does not know the model",
    "hub_offline": "the weights are not on this machine and cannot be downloaded",
    "hub_refused": "accept the model's licence there and export HF_TOKEN",
    "no_cuda": "no usable GPU driver was found",
    "watchdog": "the server's own watchdog stopped it",
    "host_memory": "the machine's own memory ran out",
    "disk_full": "the disk is full",
    "scheduler": "a scheduler process failed",
}


@pytest.mark.parametrize("mode", FAILURES)
def test_a_failed_start(suite: Suite, mode: str) -> None:
    """Status 4, one line of advice, the end of the log, no summary, and no process."""
    suite.write_rows(8)
    write_profile(suite, fail=mode, children=1)
    result = suite.command(*arguments(suite))
    assert result.status == 4, result.out + result.err
    advice = [line for line in result.err.splitlines() if "likely cause: " in line]
    assert len(advice) == 1
    assert FAILURES[mode] in advice[0]
    assert "Init torch distributed begin" in result.err
    assert result.summary is None
    until(lambda: not left(suite))


@pytest.mark.parametrize("mode", ["out_of_memory", "cache_exhausted", "nccl", "watchdog", "scheduler"])
@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["single", "xdist"])
def test_a_failure_in_mid_run(suite: Suite, mode: str, workers: list[str]) -> None:
    """Status 6, its advice once for all samples, the answers so far are kept, and no process is left."""
    suite.write_rows(120)
    write_profile(suite, fail_in=mode, fail_at=40, children=1, latency_s=0.02)
    result = suite.command(*arguments(suite, *workers))
    assert result.status == 6, result.out + result.err
    assert result.out.count(FAILURES[mode]) >= 1
    counts = result.subset()["counts"]
    assert counts["right"] + counts["wrong"] == responses(suite)
    assert responses(suite) >= 20
    assert counts["right"] + counts["wrong"] + counts["server_error"] + counts["not_run"] == 120
    until(lambda: not left(suite))


@pytest.mark.parametrize("more", [[], ["-v"], ["-n", "2"]], ids=["short way", "pytest's way", "xdist"])
def test_every_lost_sample_is_reported_once(suite: Suite, more: list[str]) -> None:
    """One error each in JUnit's file, with the reason, however it is reported; nothing wrong is counted right."""
    suite.write_rows(120)
    write_profile(suite, fail_in="nccl", fail_at=40)
    file = suite.path / "junit.xml"
    result = suite.command(*arguments(suite, f"--junitxml={file}", *more))
    assert result.status == 6, result.out + result.err
    # It fails at its 40th request; of the 8 in flight others may still be answered.
    counts = result.subset()["counts"]
    lost = counts["server_error"]
    assert 80 - 8 <= lost == 120 - counts["right"] - counts["wrong"]
    cases = ElementTree.parse(file).getroot().findall(".//testcase")
    assert len({case.get("name") for case in cases}) == len(cases) == 120
    errors = [case.find("error") for case in cases if case.find("error") is not None]
    assert len(errors) == lost
    assert all(error is not None and FAILURES["nccl"] in (error.text or "") for error in errors)
    assert f"{lost} errors" in result.out


def test_other_ends_of_a_start(suite: Suite) -> None:
    """A flag that this version does not know, a log that stands still: status 4, and what to do."""
    suite.write_rows(8)
    write_profile(suite, flags="no-such-flag = 1")
    unknown = suite.command(*arguments(suite))
    assert unknown.status == 4
    assert "the command has a flag that this version does not know" in unknown.err
    write_profile(suite, freeze_after=3, stall_s=0.6)
    frozen = suite.command(*arguments(suite))
    assert frozen.status == 4
    assert "its log stood still" in frozen.err
    until(lambda: not left(suite))


def test_a_hang_in_mid_run(suite: Suite) -> None:
    """It accepts and never answers, health included: noticed by itself, not by the limit of every request."""
    suite.write_rows(60)
    write_profile(suite, hang_after=30, children=1)
    result = suite.command(*arguments(suite, "--eval-idle-timeout", "3600"))
    assert result.status == 6, result.out + result.err
    assert "the server hangs" in result.out
    assert responses(suite) == 29
    until(lambda: not left(suite))


def test_a_hang_in_mid_run_with_a_restart(suite: Suite) -> None:
    """With restart = 1 it is replaced, and the score is exact."""
    suite.write_rows(40)
    write_profile(suite, hang_after=30, restart=1)
    result = suite.command(*arguments(suite, "--eval-idle-timeout", "3600"))
    assert result.status == 0, result.out + result.err
    assert result.subset()["score"] == 0.75
    assert result.subset()["num"] == 40
    until(lambda: not left(suite))


def test_the_table_is_whole() -> None:
    """Every failure that the stand-in knows is in the table, with the advice that its line gets."""
    known = stand_in_failures()
    assert set(known) == set(FAILURES)
    for mode, line in known.items():
        failure = diagnose([line])
        assert failure is not None
        assert FAILURES[mode] in failure.advice
