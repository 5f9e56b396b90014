"""Hooks that a conftest.py or a plugin may implement to change how a model is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import httpx

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
