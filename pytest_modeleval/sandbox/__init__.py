"""Runs one untrusted program under limits and reports what it saw from outside.

The only room that executes model output. What is contained and what is not: docs/sandbox.md.
"""

from pytest_modeleval.sandbox.launch import Walls, advice, available_walls
from pytest_modeleval.sandbox.limits import Limits, RunReport, SandboxError, SandboxUnavailable
from pytest_modeleval.sandbox.sandbox import Run, Sandbox, Unit

__all__ = [
    "Limits",
    "Run",
    "RunReport",
    "Sandbox",
    "SandboxError",
    "SandboxUnavailable",
    "Unit",
    "Walls",
    "advice",
    "available_walls",
]
