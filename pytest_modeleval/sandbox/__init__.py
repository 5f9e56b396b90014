"""Runs one untrusted program under limits and reports what was seen of it from outside.

The only room that executes model output. Its guarantees and their limits: docs/sandbox.md.
"""

from pytest_modeleval.sandbox.isolation import Isolation, advice, detect_isolation
from pytest_modeleval.sandbox.limits import Limits, RunReport, SandboxError, SandboxUnavailable
from pytest_modeleval.sandbox.sandbox import Link, Run, Sandbox, SourceFile

__all__ = [
    "Isolation",
    "Limits",
    "Link",
    "Run",
    "RunReport",
    "Sandbox",
    "SandboxError",
    "SandboxUnavailable",
    "SourceFile",
    "advice",
    "detect_isolation",
]
