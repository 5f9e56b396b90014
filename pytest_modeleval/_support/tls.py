"""Which certificates are trusted: one rule for requests to the model and for all side requests."""

from __future__ import annotations

import functools
import os
import ssl


def tls_context() -> ssl.SSLContext:
    """The context for https: the system's authorities, and those of SSL_CERT_FILE and SSL_CERT_DIR where set.

    A Python without a system store (some installers on macOS) gets the authorities that httpx brings along.
    """
    paths = ssl.get_default_verify_paths()
    return _make_context(os.environ.get(paths.openssl_cafile_env), os.environ.get(paths.openssl_capath_env))


@functools.lru_cache(maxsize=8)
def _make_context(cafile: str | None, capath: str | None) -> ssl.SSLContext:
    """OpenSSL reads the two variables itself; they are parameters so that another value makes another context."""
    paths = ssl.get_default_verify_paths()
    if not cafile and not capath and paths.cafile is None and paths.capath is None:
        import httpx  # noqa: PLC0415 - a fifth of a second that only such a Python needs

        return httpx.create_ssl_context()
    return ssl.create_default_context()
