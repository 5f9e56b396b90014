"""Hooks that a conftest.py or a plugin may implement: how a model is asked, indexes over benchmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import httpx

    from pytest_modeleval.indexes import Index
    from pytest_modeleval.settings import Settings


@pytest.hookspec(firstresult=True)
def pytest_modeleval_http_client(settings: Settings) -> httpx.AsyncClient | None:
    """Give an httpx.AsyncClient of your own, for networks that need one (client certificates, a special proxy).

    Called once per process, before the first request; the plugin closes the client at the end. Mind its limits and
    time-outs: httpx allows 100 connections and 5 s by default, and costs several times the CPU of the plugin's own
    transport above 32 requests in flight. For example, in conftest.py:

        def pytest_modeleval_http_client(settings):
            return httpx.AsyncClient(
                cert=("client.pem", "client.key"),
                timeout=httpx.Timeout(None, connect=10),
                limits=httpx.Limits(max_connections=None),
            )
    """


@pytest.hookspec
def pytest_modeleval_indexes() -> list[Index] | None:
    """Declare indexes over benchmarks: weighted means of their figures, shown below the table.

    Called once, before the run, in a conftest.py that pytest loads at its start (that of the rootdir, or of a folder on
    the command line). For example:

        from pytest_modeleval import Index

        def pytest_modeleval_indexes():
            return [Index("our_index", {"gsm8k": 1, "mmlu_pro": 2})]
    """
