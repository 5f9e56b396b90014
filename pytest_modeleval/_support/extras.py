"""Packages of an optional extra, and the command that installs the missing ones."""

from __future__ import annotations

import importlib.util


def missing_extra(extra: str, modules: tuple[str, ...]) -> str:
    """A sentence with the command that installs the extra; empty if all modules are there. Imports nothing."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if not missing:
        return ""
    return f"{' and '.join(missing)} not installed; run: pip install 'pytest-modeleval[{extra}]'"
