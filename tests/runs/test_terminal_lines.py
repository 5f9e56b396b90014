"""Samples print no lines of their own while they run."""

from __future__ import annotations

import pytest

from tests.support.loopback import LoopbackServer
from tests.support.suites import Suite


@pytest.mark.parametrize("fast_path", ["auto", "off"])
def test_samples_outside_of_the_rootdir_print_no_lines(suite: Suite, server: LoopbackServer, fast_path: str) -> None:
    """Shipped benchmarks are outside of the project: their path is printed for no sample, on either path."""
    suite.write_rows(20)
    (suite.path / "project").mkdir()
    result = suite.run(server.url, "--eval-fast-path", fast_path, f"--rootdir={suite.path / 'project'}")
    assert result.status == 0, result.out
    before, _, _ = result.out.partition("model evaluation")
    lines = [line for line in before.splitlines() if "%]" in line or ".py" in line]
    assert len(lines) <= 1, before
