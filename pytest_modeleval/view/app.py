"""The application: pages and their data, all of it read from run folders that the list has found.

    /                              the list, a page that reads
    /api/runs                      RunList.to_json, and
    /api/events                    server-sent "change"
    /compare?run=KEY&run=KEY       the comparison, a page that reads
    /api/compare?run=KEY&run=KEY   comparison.comparison_json
    /runs/KEY/                     the page of a run, which reads
    /runs/KEY/data/...             its data (`reports/page/__init__.py`)
    /runs/KEY/images/NAME          a picture of a question, by hash and type
    /runs/KEY/question?benchmark=  RunSamples.repeats of a question (subset=, sample=)
    /runs/KEY/sample?benchmark=    SampleRecord.to_json of one item (subset=, sample=, repeat=)
    /assets/NAME                   scripts and styles

A run is named by its key, never by a path.
"""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_modeleval.errors import RunFolderError, UserError
from pytest_modeleval.images.references import FOLDER, parse_reference
from pytest_modeleval.records import ItemKey
from pytest_modeleval.reports.page.packing import json_line
from pytest_modeleval.store.image_files import read_image
from pytest_modeleval.store.run_file import load_run
from pytest_modeleval.view import assets
from pytest_modeleval.view.comparison import MOST_SIDES, comparison_json
from pytest_modeleval.view.events import SAMPLE_S, Streams
from pytest_modeleval.view.recent import Locks, Recent
from pytest_modeleval.view.run_folders import is_running, signature_of
from pytest_modeleval.view.run_list import RunList
from pytest_modeleval.view.run_page import run_page
from pytest_modeleval.view.run_samples import RunSamples

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

# Runs whose samples are kept ready at the same time.
_MOST_OPEN = 4


class RunViewer:
    """What the application knows: the list, and the samples of the runs that were opened last."""

    def __init__(self, root: Path) -> None:
        self.runs = RunList(root)
        self.streams = Streams()
        self._lock = threading.Lock()
        self._reading = Locks()
        self._open: Recent[Path, RunSamples] = Recent(_MOST_OPEN)

    def folder(self, request: Request) -> Path:
        """The run folder that the address names. Raises RunFolderError for a key that is not in the list."""
        return self.folder_of(request.path_params["key"])

    def folder_of(self, key: str) -> Path:
        """The run folder of a key. Raises RunFolderError for one that is not in the list."""
        found = self.runs.path(key)
        if found is None:
            raise UnknownRun("there is no such run in the list; reload the list of runs")
        return found

    def samples(self, folder: Path, *, is_fresh: bool = False) -> RunSamples:
        """The samples of a run, read once. is_fresh: read again where the run has ended or changed since."""
        # A large run takes seconds: meanwhile other runs are answered.
        with self._reading.of(folder):
            with self._lock:
                known = self._open.get(folder)
            if known is not None and not (is_fresh and not known.is_current(is_live=is_live(folder))):
                return known
            made = RunSamples(folder, is_live=is_live(folder))
            with self._lock:
                return self._open.put(folder, made)


class UnknownRun(RunFolderError):
    """A key that the list does not have."""


def is_live(folder: Path) -> bool:
    """The run in the folder is under way."""
    return is_running(folder, load_run(folder))


def make_app(root: Path) -> Starlette:
    """The application over the runs below a folder. Wrap it in `access.GuardedApp` before it is served."""
    from starlette.applications import Starlette  # noqa: PLC0415 - the extra `view`
    from starlette.routing import Route  # noqa: PLC0415

    viewer = RunViewer(root)
    routes = {
        "/": partial(_document, "list"),
        "/compare": partial(_document, "compare"),
        "/assets/{name}": _asset,
        "/favicon.ico": _no_icon,
        "/api/runs": partial(_runs, viewer),
        "/api/events": partial(_list_events, viewer),
        "/api/compare": partial(_compare, viewer),
        "/runs/{key}/": partial(_run, viewer),
        "/runs/{key}/question": partial(_question, viewer),
        "/runs/{key}/sample": partial(_sample, viewer),
        "/runs/{key}/images/{name}": partial(_image, viewer),
        "/runs/{key}/data/index.json": partial(_index, viewer),
        "/runs/{key}/data/chunks/{number:int}": partial(_chunk, viewer),
        "/runs/{key}/data/events": partial(_run_events, viewer),
    }
    return Starlette(
        routes=[Route(path, _endpoint(answer)) for path, answer in routes.items()],
        exception_handlers={UserError: _mistake, OSError: _mistake},
    )


def _endpoint(answer: Any) -> Any:
    # Starlette runs plain functions in threads; a partial is not recognised as one in every version.
    def endpoint(request: Request) -> Response:
        found: Response = answer(request)
        return found

    return endpoint


def _mistake(_: Request, error: Exception) -> Response:
    return _json({"error": str(error)}, 404 if isinstance(error, UnknownRun) else 409)


def _json(value: Any, status: int = 200) -> Response:
    return _bytes(json_line(value), "application/json", status)


def _bytes(content: bytes, media_type: str, status: int = 200, policy: str = "") -> Response:
    from starlette.responses import Response  # noqa: PLC0415

    headers = {"Content-Security-Policy": policy} if policy else None
    return Response(content, status, headers=headers, media_type=media_type)


def _not_found() -> Response:
    return _json({"error": "there is nothing at this address"}, 404)


def _document(page: str, _: Request) -> Response:
    return _bytes(assets.document(page), "text/html; charset=utf-8", policy=assets.POLICY)


def _asset(request: Request) -> Response:
    found = assets.asset(request.path_params["name"])
    return _bytes(*found) if found is not None else _not_found()


def _no_icon(_: Request) -> Response:
    # A browser asks for one on its own; that there is none is no error in its console.
    return _bytes(b"", "image/x-icon")


def _runs(viewer: RunViewer, _: Request) -> Response:
    return _json(viewer.runs.to_json())


def _compare(viewer: RunViewer, request: Request) -> Response:
    keys = list(dict.fromkeys(request.query_params.getlist("run")))
    if not 2 <= len(keys) <= MOST_SIDES:
        raise RunFolderError(f"expected 2 to {MOST_SIDES} runs to compare, found {len(keys)}")
    paths = {key: viewer.folder_of(key) for key in keys}
    return _json(comparison_json(paths, [viewer.runs.name(path) for path in paths.values()]))


def _run(viewer: RunViewer, request: Request) -> Response:
    folder = viewer.folder(request)
    page, policy = run_page(folder, is_live=is_live(folder))
    viewer.samples(folder, is_fresh=True)
    return _bytes(page, "text/html; charset=utf-8", policy=policy)


def _index(viewer: RunViewer, request: Request) -> Response:
    folder = viewer.folder(request)
    since, epoch = (request.query_params.get(name, "") for name in ("since", "epoch"))
    count = int(since) if since.isdecimal() and len(since) < 10 else 0
    found = viewer.samples(folder).index(is_live=is_live(folder), since=count, epoch=epoch)
    return _bytes(found, "application/json")


def _chunk(viewer: RunViewer, request: Request) -> Response:
    found = viewer.samples(viewer.folder(request)).chunk(request.path_params["number"])
    return _bytes(found, "application/octet-stream") if found is not None else _not_found()


def _image(viewer: RunViewer, request: Request) -> Response:
    name = request.path_params["name"]
    data, reference = read_image(viewer.folder(request), name), parse_reference(f"{FOLDER}/{name}")
    if data is None or reference is None:
        return _not_found()
    # Opened by itself, it is a document: nothing in it may run, whatever a browser takes it for.
    return _bytes(data, reference.media_type, policy="default-src 'none'; sandbox; frame-ancestors 'none'")


def _question(viewer: RunViewer, request: Request) -> Response:
    found = viewer.samples(viewer.folder(request), is_fresh=True).repeats(*_names(request))
    return _json({"repeats": found}) if found else _not_found()


def _names(request: Request) -> tuple[str, str, str]:
    benchmark, subset, sample = (request.query_params.get(name, "") for name in ("benchmark", "subset", "sample"))
    return benchmark, subset, sample


def _sample(viewer: RunViewer, request: Request) -> Response:
    repeat = request.query_params.get("repeat", "0")
    key = ItemKey(*_names(request), int(repeat) if repeat.isdecimal() and len(repeat) < 6 else 0)
    found = viewer.samples(viewer.folder(request), is_fresh=True).record(key)
    return _json(found.to_json()) if found is not None else _not_found()


def _list_events(viewer: RunViewer, _: Request) -> Response:
    return _stream(viewer, viewer.runs.live_state, lambda: False, lambda: 1.0)


def _run_events(viewer: RunViewer, request: Request) -> Response:
    folder = viewer.folder(request)
    samples = viewer.samples(folder)
    return _stream(viewer, lambda: signature_of(folder), lambda: not is_live(folder), lambda: samples.count * SAMPLE_S)


def _stream(viewer: RunViewer, state: Any, is_over: Any, pause_s: Any) -> Response:
    from starlette.responses import StreamingResponse  # noqa: PLC0415

    if viewer.streams.is_full:
        return _json({"error": "too many pages are open"}, 503)
    events = viewer.streams.changes(state, is_over=is_over, pause_s=pause_s)
    return StreamingResponse(events, media_type="text/event-stream")
