"""`modeleval rag-questions DOCS --model M --url URL --into FILE`: questions that a model writes from documents."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pytest_modeleval._support import redact
from pytest_modeleval._support.atomic_file import atomic_write
from pytest_modeleval._support.retry import RetryLater, retry
from pytest_modeleval._support.side_requests import SideRequestError, http_post
from pytest_modeleval.errors import ConnectError, DataError, SettingsError
from pytest_modeleval.rag.questions import (
    Generated,
    Passage,
    check,
    choose,
    passages_of,
    prompt_of,
    read_generated,
    row_of,
)
from pytest_modeleval.server.identify import identify
from pytest_modeleval.server_facts import ServerFacts

MAX_DOCUMENTS, MAX_DOCUMENT_BYTES = 100_000, 8_000_000
_WAITS_S = (1.0, 4.0)
_TIMEOUT_S = 300.0
_AT_ONCE = 8


def add_command(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `modeleval rag-questions` to the parser of the command."""
    parser = commands.add_parser(
        "rag-questions",
        help="a set of questions for the benchmark rag, which a model writes from your documents",
        description="Write DIR/rag/NAME.jsonl: questions with answers and the document that holds them, each marked as "
        "generated. Questions that quote their document, hold their answer or repeat another are left out and counted. "
        "The same documents, model and seed give the same requests. See docs/rag.md.",
    )
    parser.add_argument(
        "documents", type=Path, metavar="DOCS", help="a folder of .txt and .md files, or a .jsonl of id and text"
    )
    parser.add_argument("--model", required=True, metavar="NAME", help="the model that writes, as served")
    parser.add_argument("--url", required=True, metavar="URL", help="where it is served, with /v1")
    parser.add_argument("--key-env", metavar="VAR", help="the variable that holds its API key")
    parser.add_argument("--into", type=Path, required=True, metavar="FILE", help="the set, such as data/rag/own.jsonl")
    parser.add_argument("--count", type=int, default=50, metavar="N", help="questions to ask for (50)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="which passages are taken (1)")
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> list[str]:
    if not 1 <= given.count <= MAX_DOCUMENTS:
        raise SettingsError(f"--count: expected a number from 1 to {MAX_DOCUMENTS:,}, found {given.count}")
    passages = [passage for name, text in read_documents(given.documents) for passage in passages_of(name, text)]
    if not passages:
        raise DataError(f"{given.documents}: expected documents with text, found none")
    key = _key(given.key_env)
    facts = identify([given.url], model=given.model, key=key, key_env=given.key_env)
    chosen = choose(passages, given.count, given.seed)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        made = list(pool.map(lambda passage: _generate(passage, facts, key, given.seed), chosen))
    kept, faults = check(made)
    given.into.parent.mkdir(parents=True, exist_ok=True)
    rows = [row_of(one, model=given.model, identity=facts.identity) for one in kept]
    atomic_write(given.into, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
    left_out = [f"left out: {count} {fault}" for fault, count in sorted(faults.items())]
    first = f"{given.into}: {len(kept)} of {len(chosen)} questions of {given.model} kept, each marked generated_by"
    return [first, *left_out, "read some of them before you trust a figure: a model wrote question and reference"]


def read_documents(place: Path) -> Iterator[tuple[str, str]]:
    """(id, text) of each document, in the order of names or lines. Raises DataError."""
    if place.is_dir():
        files = sorted(file for file in place.rglob("*") if file.suffix in (".txt", ".md") and file.is_file())
        if len(files) > MAX_DOCUMENTS:
            raise DataError(f"{place}: expected at most {MAX_DOCUMENTS:,} documents, found {len(files):,}")
        yield from ((file.relative_to(place).as_posix(), _text(file)) for file in files)
    elif place.suffix == ".jsonl" and place.is_file():
        yield from _lines(place)
    else:
        raise DataError(f"{place}: expected a folder of .txt and .md files, or a .jsonl file of id and text")


def _text(file: Path) -> str:
    with file.open("rb") as opened:
        raw = opened.read(MAX_DOCUMENT_BYTES + 1)
    if len(raw) > MAX_DOCUMENT_BYTES:
        raise DataError(f"{file}: expected a document of at most {MAX_DOCUMENT_BYTES:,} bytes, found a larger one")
    return raw.decode("utf-8", "replace")


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    with file.open(encoding="utf-8", errors="replace") as opened:
        for number, line in enumerate(opened, start=1):
            if not line.strip():
                continue
            try:
                found = json.loads(line)
                name, text = found.get("id", found.get("_id")), found["text"]
            except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
                name, text = None, None
            if number > MAX_DOCUMENTS or not isinstance(text, str) or not isinstance(name, str | int):
                raise DataError(
                    f'{file}, line {number}: expected an object {{"id": ..., "text": ...}} and at most '
                    f"{MAX_DOCUMENTS:,} of them, found another line"
                )
            yield str(name), text


def _key(variable: str | None) -> str | None:
    if variable is None:
        return None
    key = os.environ.get(variable)
    if not key:
        raise SettingsError(f"--key-env: expected the environment variable {variable} to be set, found none")
    redact.remember(key)
    return key


def _generate(passage: Passage, facts: ServerFacts, key: str | None, seed: int) -> Generated | None:
    body = {
        "model": facts.model,
        "messages": [{"role": "user", "content": prompt_of(passage)}],
        "temperature": 0,
        "seed": seed,
        "max_tokens": 2048,
    }
    reply = retry(lambda: _post(f"{facts.urls[0]}/chat/completions", body, key), _WAITS_S)
    try:
        content = reply["choices"][0]["message"]["content"]
    except (LookupError, TypeError):
        return None
    return read_generated(passage, content) if isinstance(content, str) else None


def _post(url: str, body: dict[str, Any], key: str | None) -> Any:
    try:
        answer = http_post(url, body, key=key, timeout_s=_TIMEOUT_S)
    except SideRequestError as error:
        raise RetryLater(str(error), failure=ConnectError(f"{redact.url(url)}: no reply: {error}")) from error
    if answer.status != 200:
        failure = ConnectError(f"{redact.url(url)}: expected a reply, found status {answer.status}: {answer.excerpt}")
        raise RetryLater(str(answer.status), failure=failure) if answer.status in (429, 500, 502, 503, 504) else failure
    return answer.json()
