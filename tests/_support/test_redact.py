"""Secrets in every form are replaced, and ordinary text is left alone."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval._support import redact
from pytest_modeleval._support.redactor import Redactor

KEY = "sk-CANARY/1234+5678&'é"


@pytest.fixture(autouse=True)
def _memory() -> Iterator[None]:
    """No secret of one test is known to another."""
    redact.forget()
    yield
    redact.forget()


def in_base64(before: str, after: str) -> Callable[[str], str]:
    """The key inside a longer text that is encoded as a whole."""
    return lambda key: base64.b64encode(f"{before}{key}{after}".encode()).decode()


FORMS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "bearer": lambda key: f"Bearer {key}",
    "base64": in_base64("", ""),
    "base64 basic": in_base64("user:", ""),
    "base64 shifted": in_base64("us:", "x"),
    "base64 shifted twice": in_base64("use:", "xx"),
    "base64 url": lambda key: base64.urlsafe_b64encode(key.encode()).decode(),
    "quoted": lambda key: quote(key, safe=""),
    "quoted plus": quote_plus,
    "json": json.dumps,
    "json in json": lambda key: json.dumps({"error": json.dumps({"key": key})}),
    "every character escaped": lambda key: "".join(f"\\u{ord(mark):04X}" for mark in key),
    "every character quoted": lambda key: "".join(f"%{ord(mark):02x}" if ord(mark) < 128 else mark for mark in key),
    "entities": lambda key: "".join(f"&#{ord(mark)};" for mark in key),
    "html": html.escape,
    "hex": lambda key: key.encode().hex(),
    "upper case": str.upper,
}


def traces(text: str, key: str) -> list[str]:
    """Pieces of the key that are still readable in a text."""
    pieces = [key[start : start + 8] for start in range(0, len(key) - 8, 4)]
    return [piece for piece in pieces if piece in text or piece.encode().hex() in text]


@pytest.mark.parametrize("form", FORMS)
def test_a_remembered_secret_is_replaced_in_every_form(form: str) -> None:
    """Nothing of the key is left, whatever the server did to it, and the text around it stays."""
    redact.remember(KEY)
    echoed = FORMS[form](KEY)
    cleaned = redact.text(f"<{echoed}>")
    assert "***" in cleaned
    assert len(cleaned) < 30 or form.startswith("json in")
    assert (cleaned[0], cleaned[-1]) == ("<", ">")
    assert not traces(cleaned, KEY)
    assert redact.json_value({"a": [f"{echoed}"], echoed: 1}) != {"a": [echoed], echoed: 1}


def test_a_key_with_a_line_break_is_known_without_it() -> None:
    """A key read from a file ends in a line break; servers echo what is before it."""
    redact.remember("sk-CANARY-1234\n")
    assert redact.text("got sk-CANARY-1234.") == "got ***."


@pytest.mark.parametrize("secret", ["EMPTY", "none", "1234", "not-needed", "", " "])
def test_short_words_and_placeholders_are_not_secrets(secret: str) -> None:
    """A dummy key of a few characters must not change a reply that is graded."""
    redact.remember(secret)
    text = f"The answer is {secret} and 1234, EMPTY, none, not-needed."
    assert redact.text(text) == text


@given(st.text(max_size=200))
def test_other_text_is_unchanged(text: str) -> None:
    """Only the secrets themselves are replaced."""
    redact.remember(KEY)
    assert redact.text(text) == text


@given(st.text(min_size=8, max_size=30), st.text(max_size=20), st.text(max_size=20))
def test_any_secret_is_replaced_anywhere(secret: str, before: str, after: str) -> None:
    """Whatever a secret is made of, it is not in the text afterwards."""
    redactor = Redactor()
    redactor.remember([secret])
    if not redactor.longest_form or secret in before + "***" + after:
        return
    assert secret not in redactor.text(f"{before}{secret}{after}")


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("x --api-key sk-1 --port 1", "x --api-key *** --port 1"),
        ("x --api-key=sk-1", "x --api-key=***"),
        ("x --hf-token='a b' --y", "x --hf-token=*** --y"),
        (["x", "--admin-api-key", "sk-1"], "x --admin-api-key ***"),
        (["env", "HF_TOKEN=hf", "TZ=UTC", "x"], "env HF_TOKEN=*** TZ=UTC x"),
        (
            ["docker", "--env=OPENAI_API_KEY=sk=1", "-e", "A_SECRET=b"],
            "docker --env=OPENAI_API_KEY=*** -e A_SECRET=***",
        ),
        ("x --api-key --weird=1 --url=http://h/?a=b", "x --api-key *** --url=http://h/?a=b"),
        ("x --tokenizer-path t --max-total-tokens 5", "x --tokenizer-path t --max-total-tokens 5"),
        ("x --auth XX --y", "x --auth *** --y"),
        ("x --bearer XX", "x --bearer ***"),
        ("x --apikey XX", "x --apikey ***"),
        ("x --pat XX", "x --pat ***"),
        ("x --store user:pw@host:1", "x --store ***@host:1"),
        ("x --store http://user:pw@host/v1?api_key=XX&b=1", "x --store http://host/v1?api_key=***&b=1"),
        ('x --extra {"api_key": "XX", "b": 1}', 'x --extra {"api_key": "***", "b": 1}'),
        (["x", "--extra", '{"api_key": "XX"}'], 'x --extra {"api_key": "***"}'),
        (["curl", "-H", "Authorization: Bearer XXXX"], "curl -H Authorization: *** ***"),
        ("x --ssl-key-file a --model-key-env NAME", "x --ssl-key-file a --model-key-env NAME"),
        ("--moe-runner {'n': 1} --json-model-override-args {}", "--moe-runner {'n': 1} --json-model-override-args {}"),
        (None, ""),
    ],
)
def test_commands_lose_what_looks_like_a_secret(command: Any, shown: str) -> None:
    """Flags, variables, JSON keys and parts of addresses whose name or place says so; nothing else."""
    assert redact.command(command) == shown


@pytest.mark.parametrize(
    ("pair", "shown"),
    [
        ('launch.argv=["python","--api-key","KEY"]', 'launch.argv=["python", "--api-key", "***"]'),
        ("launch.argv=['python', '--api-key', 'KEY']", "launch.argv=['python', '--api-key', '***']"),
        ('launch.argv=["python","--api-key=KEY"]', 'launch.argv=["python", "--api-key=***"]'),
        ("launch.env.HF_TOKEN=abc", "launch.env.HF_TOKEN=***"),
        ("launch.flags.api-key=abc", "launch.flags.api-key=***"),
        ("urls=http://a:b@c/v1", "urls=http://c/v1"),
        ("params.stop=['a','b']", "params.stop=['a','b']"),
        ('params.chat_template_kwargs={"x": false}', 'params.chat_template_kwargs={"x": false}'),
        ("params.note=a=b", "params.note=a=b"),
        ("launch.port=1", "launch.port=1"),
    ],
)
def test_settings_lose_what_looks_like_a_secret(pair: str, shown: str) -> None:
    """A value of --model-set is stored without keys, lists and commands included."""
    assert redact.setting(pair) == shown


def test_secrets_of_a_setting_are_found() -> None:
    """What is left out of a setting can be remembered, so that a server that logs it does not show it either."""
    assert redact.secret_values('launch.argv=["x","--api-key","KEY-12345"]') == ["KEY-12345"]
    assert redact.secret_values("launch.env.HF_TOKEN=hf_12345678") == ["hf_12345678"]
    assert redact.secrets_in_argv(["x", "--a-key=1", "--token", "b", "--n", "3"]) == ["1", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "unexpected token: <|im_end|>",
        "unknown key: foo",
        "max_tokens=100 is too large",
        "This model's maximum context length is 8192 tokens. However, you requested 9000",
        "see http://h/v1/models?limit=5",
        "image vllm/vllm-openai:v1",
    ],
)
def test_ordinary_diagnostics_are_unchanged(text: str) -> None:
    """Errors of servers stay readable."""
    assert redact.diagnostic(text) == text


@given(st.text(max_size=300))
def test_diagnostics_are_stable(text: str) -> None:
    """Any text can be cleaned, and what is clean stays as it is."""
    once = redact.diagnostic(text)
    assert redact.diagnostic(once) == redact.diagnostic(redact.diagnostic(once))


@pytest.mark.parametrize("unit", ["x", "x-", "x.", "?", "a:", 'a="', '\\"a=', "a b:", "&a=b"])
def test_a_text_of_a_server_costs_no_square_of_its_length(unit: str) -> None:
    """20,000 characters pass as they are; with names of any length, letters alone took sixteen seconds."""
    value = (unit * 20_000)[:20_000]
    assert redact.diagnostic(value) == value


def test_a_name_of_a_hundred_characters_still_hides_its_value() -> None:
    """The length that a name may have is far beyond that of any setting."""
    name = "a" * 90 + "_api_key"
    assert "hunter2" not in redact.diagnostic(f'{name}="hunter2" {name}: hunter2')
