"""Pictures of questions in report.html and `modeleval view`, in a real browser: shown small, and none of them runs."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pytest_modeleval.images.image import EXTENSIONS
from pytest_modeleval.records import ItemKey, Kind
from pytest_modeleval.reports.page.document import page_parts
from pytest_modeleval.reports.page.images import MOST_BYTES
from pytest_modeleval.runs.finished_run import open_run
from pytest_modeleval.store.image_files import read_image
from pytest_modeleval.store.summary_file import summary_json
from tests.support import pictures
from tests.support.browsers import chromium, has_dialog, serious_faults
from tests.support.hostile_images import SCRIPT, hostile_images
from tests.support.run_folders import grade, plan, response, write_run
from tests.support.waiting import until

SMALL = pictures.png(30, 20, (10, 120, 10))
LARGE = pictures.noise_png(60 * 1024)
SIZES = "return [...document.querySelectorAll('#sample img')].map((image) => image.complete ? image.naturalWidth : -1)"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three questions: two pictures in order; one that is not kept; and all hostile ones that fit a file."""
    folder = tmp_path_factory.mktemp("images") / "runs" / "seen"
    hostile = [case.value for case in hostile_images() if isinstance(case.value, bytes) and len(case.value) < 1 << 20]
    items = {"good": [SMALL, LARGE], "lost": [pictures.gif()], "hostile": hostile}
    lines = [plan({"easy": list(items)})]
    (folder / "images").mkdir(parents=True)
    for name, files in items.items():
        key = ItemKey("quiz", "easy", name)
        lines += [
            _asked(key, files, folder if name != "lost" else None),
            grade(key, Kind.RIGHT, answer="A", target="A"),
        ]
    write_run(folder, lines)
    opened = open_run(folder)
    parts = page_parts(
        opened.summary,
        summary_json=summary_json(opened.summary),
        run=opened.run,
        samples=(record.to_json() for record in opened.samples.read()),
        title="the title",
        read_image=partial(read_image, folder),
    )
    (folder / "report.html").write_text("".join(parts), encoding="utf-8")
    return folder


def _asked(key: ItemKey, files: list[bytes], folder: Path | None) -> dict[str, Any]:
    """The response line of a question with pictures, as a run writes it, whatever the bytes are."""
    parts: list[dict[str, Any]] = [{"type": "text", "text": "before"}]
    facts = []
    for data in files:
        name = f"images/{hashlib.sha256(data).hexdigest()}.{_ending(data)}"
        if folder is not None:
            (folder / name).write_bytes(data)
        parts.append({"type": "image_url", "image_url": {"url": name}})
        facts.append({"file": name, "media_type": "image/svg+xml", "width": 30, "height": 20, "bytes": len(data) or 1})
    line = response(key, "ANSWER: A")
    content = [*parts, {"type": "text", "text": "after"}, *_strange_parts()]
    line["request"]["messages"] = [{"role": "user", "content": content}]
    return {**line, "images": facts}


def _ending(data: bytes) -> str:
    starts = {b"\xff\xd8": "jpg", b"GI": "gif", b"RI": "webp", b"BM": "bmp"}
    return starts.get(data[:2], EXTENSIONS["image/png"])


def _strange_parts() -> list[dict[str, Any]]:
    """Addresses that a journal of anybody may have in place of a picture."""
    addresses = (
        "javascript:window.hacked=1", "data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+",
        "//127.0.0.1:9/a.png", "http://127.0.0.1:9/a.png", "images/../../secret.png", f"images/{'0' * 64}.svg",
        "blob:null/1", SCRIPT.decode(),
    )  # fmt: skip
    return [{"type": "image_url", "image_url": {"url": address}} for address in addresses]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium, one for both tests."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def url(run: Path) -> Iterator[str]:
    """The address of `modeleval view` as a user starts it."""
    pytest.importorskip("starlette", reason="starlette (the extra view) is not installed")
    pytest.importorskip("uvicorn", reason="uvicorn (the extra view) is not installed")
    command = [sys.executable, "-m", "pytest_modeleval.cli", "view", str(run.parent), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline())
            assert found is not None
            yield found.group()
        finally:
            server.terminate()


def _check(browser: Any, address: str) -> None:
    """The pictures of the good question are there in their order; the hostile ones run and fetch nothing."""
    _open(browser, address, "good")
    until(lambda: browser.execute_script(SIZES) == [30, 143, 30, 143])
    order = "return [...document.querySelector('#sample .transcript .message').children].map((node) => node.className)"
    shown = [name for name in browser.execute_script(order) if name]
    assert [name == "picture" for name in shown[:4]] == [False, True, True, False]
    _open(browser, address, "lost")
    until(lambda: "the picture is not in this page" in browser.find_element("id", "sample").text)
    _open(browser, address, "hostile")
    browser.execute_script("document.querySelectorAll('#sample img').forEach((image) => image.loading = 'eager')")
    until(lambda: -1 not in browser.execute_script(SIZES))
    assert not has_dialog(browser)
    assert browser.title == "the title" or "quiz" in browser.title
    assert browser.execute_script("return window.hacked") is None
    links = browser.execute_script("return [...document.querySelectorAll('#sample a')].map((link) => link.href)")
    assert links
    assert all(re.search(r"/images/[0-9a-f]{64}\.(png|jpg|gif|webp|bmp)$", link) for link in links)
    fetched = browser.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    # A browser asks for an icon of the site on its own.
    ours = (address.rpartition("/")[0], "blob:", f"{address.partition('/runs/')[0]}/favicon.ico")
    assert [name for name in fetched if not name.startswith(ours)] == []


def _open(browser: Any, address: str, sample: str) -> None:
    browser.get("about:blank")
    browser.get(f"{address}#samples?s=quiz/easy/{sample}")
    until(lambda: browser.execute_script("return document.querySelector('#sample .transcript') !== null"))


def test_the_report_shows_pictures_from_the_page_and_from_its_folder(run: Path, browser: Any) -> None:
    """Opened from disk: small ones stand in it, the others are read next to it; moved away, it shows the small ones."""
    html = (run / "report.html").read_text(encoding="utf-8")
    small, large = (f"{hashlib.sha256(data).hexdigest()}.png" for data in (SMALL, LARGE))
    assert f'id="image-{small}"' in html
    assert f'id="image-{large}"' not in html
    assert len(LARGE) > MOST_BYTES
    _check(browser, (run / "report.html").as_uri())
    _open(browser, (run / "report.html").as_uri(), "good")
    # Of the list of samples another test speaks.
    assert not [fault for fault in serious_faults(browser) if "cell" not in str(fault)]
    alone = run.parent.parent / "report.html"
    alone.write_text(html, encoding="utf-8")
    _open(browser, alone.as_uri(), "good")
    until(lambda: browser.execute_script(SIZES) == [30, 30])


def test_the_viewer_shows_pictures_of_the_run(run: Path, browser: Any, url: str) -> None:
    """Served by hash as the type of their bytes, as no document; nothing else of the folder is."""
    browser.get(url)
    read = "return fetch('/api/runs').then((answer) => answer.json())"
    until(lambda: browser.execute_script(read)["pending"] == 0)
    (entry,) = browser.execute_script(read)["runs"]
    address = f"{url}runs/{entry['key']}/"
    _check(browser, address)
    ask = """
        const answer = await fetch(arguments[0]);
        const names = ["content-type", "x-content-type-options", "content-security-policy"];
        return [answer.status, ...names.map((name) => answer.headers.get(name))];
    """
    name = f"images/{hashlib.sha256(LARGE).hexdigest()}.png"
    policy = "default-src 'none'; sandbox; frame-ancestors 'none'"
    assert browser.execute_script(ask, address + name) == [200, "image/png", "nosniff", policy]
    page = b"<html>" + SCRIPT
    forged = f"images/{hashlib.sha256(page).hexdigest()}.png"
    (run / forged).write_bytes(page)
    for other in (
        forged,
        f"images/{'0' * 64}.png",
        "images/..%2frun.json",
        "images/run.json",
        f"images/{'0' * 64}.svg",
    ):
        assert browser.execute_script(ask, address + other)[0] == 404, other
