"""docs/api.md is what ci/make_api_page.py makes of today's docstrings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_api_page_is_current() -> None:
    """Otherwise: python ci/make_api_page.py."""
    check = [sys.executable, str(ROOT / "ci" / "make_api_page.py"), "--check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
