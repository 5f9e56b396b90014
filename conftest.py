"""Of the whole repository: how to run the benchmarks, where no model was named."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_report_header(config: pytest.Config) -> str | None:
    """Print a hint for `pytest` alone, at the top of this repository."""
    has_model = config.getoption("model", None) or config.getoption("eval_rescore", None)
    if has_model or config.rootpath != Path(__file__).parent or config.args_source is pytest.Config.ArgsSource.ARGS:
        return None
    return "no model named: these are the project's own tests; benchmarks: pytest --model embedded -k wiring"
