"""Secrets stay out of files and off the screen: the one home of this rule.

Two kinds of rule, for two kinds of text:

- `text` and `json_value` replace the secrets of this run that were given to `remember`, in every form in which a server
  may echo them: as they are, with "Bearer", in base64, URL-quoted, JSON-escaped, HTML-escaped, in hex. They change
  nothing else, so replies of a model may pass through them before they are graded.
- `diagnostic`, `command`, `argv`, `url` and `setting` also replace what only looks like a secret: the value of a flag,
  variable or JSON key whose name says so, user names and passwords in addresses, and credentials after "Bearer". They
  are for commands, information pages, errors and logs, never for what is graded.

The memory of secrets belongs to the process: text from outside enters in many places, and each has to know all of them.
The rules are applied to replies in `client/chat.py`, to stored requests in `store/requests.py`, to run.json and command
lines in `runs/resume.py`.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_modeleval._support.redactor import MASK, Redactor

_SECRET_WORDS = frozenset(
    {
        *("key", "apikey", "token", "secret", "password", "passwd", "passphrase", "pw", "pat", "credential"),
        *("credentials", "auth", "authorization", "bearer", "authtoken", "accesstoken"),
    }
)
# --api-key-file and --model-key-env name the place of a secret, --max-token a number.
_PLACE_WORDS = frozenset({"file", "path", "dir", "env", "type", "mode"})
_COUNT_WORDS = frozenset({"max", "min", "num", "per", "first", "inter", "eos", "bos", "pad", "stop"})
_WORD_BREAK = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])")
_ARGUMENT = re.compile(r"""(?:[^\s"']|"[^"]*"|'[^']*')+|["']""")
# Names and schemes have a longest length: otherwise 20,000 letters, which any server can send, take seconds.
_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,30}://)(?P<user>[^\s/@'\"]+@)?(?P<rest>[^\s'\"<>]*)")
_USER_AT_HOST = re.compile(r"(?<![\w@/.:-])[\w.+-]+:[^\s@/:'\"]+@(?=[A-Za-z0-9.-]+)")
_QUERY_VALUE = re.compile(r"(?P<head>[?&;](?P<name>[^=&#\s]{1,100})=)(?P<value>[^&#\s'\"]*)")
_SCHEME_AND_VALUE = re.compile(r"(?i)\b(?P<head>(?:bearer|basic)[ \t]+)(?P<value>[A-Za-z0-9._~+/=-]{4,})")
_NAMED_QUOTED = re.compile(
    r"(?P<head>(?P<before>\\?[\"']?)(?P<name>[A-Za-z][\w.-]{0,100})(?P=before)\s{0,20}[:=]\s{0,20})"
    r"(?P<quote>\\?[\"'])(?P<value>(?:(?!(?P=quote)).)*)(?P=quote)"
)
_NAMED_PLAIN = re.compile(r"(?P<head>\b(?P<name>[A-Za-z][\w-]{0,100})(?P<sign>=|:[ \t]*))(?P<value>[^\s\"',;&)}\]]+)")
_NUMBER = re.compile(r"[\d.,]{1,12}")
# "unknown key: x" and "unexpected token: <s>" are ordinary sentences.
_ORDINARY_WORDS = frozenset({"key", "token", "auth", "pat", "pw", "bearer"})
# A filter of a logger does not see the records of its children.
_LOGGERS = (
    *("pytest_modeleval.client", "pytest_modeleval.dispatch", "pytest_modeleval.server", "asyncio", "httpx"),
    *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")),
)


_OF_THIS_RUN = Redactor()


def remember(*secrets: str | None) -> None:
    """Make secrets known to this process, so that text and all the other functions replace them. None is ignored."""
    _OF_THIS_RUN.remember(secret for secret in secrets if secret)


def remember_environment(environment: Mapping[str, str]) -> None:
    """Make the values of all variables whose names say so (HF_TOKEN, OPENAI_API_KEY) known as secrets."""
    _OF_THIS_RUN.remember(value for name, value in environment.items() if names_a_secret(name))


def forget() -> None:
    """Forget what was remembered. For tests."""
    _OF_THIS_RUN.forget()


def longest_form() -> int:
    """Characters of the longest form of a remembered secret: what a reader of chunks must hold back."""
    return _OF_THIS_RUN.longest_form


def remembered() -> tuple[str, ...]:
    """The secrets, for a child process that writes a file."""
    return _OF_THIS_RUN.secrets


def filter_loggers() -> None:
    """Keep secrets out of the log records of this package, of the HTTP libraries that it uses, and of asyncio.

    httpcore logs the headers of responses, and asyncio's debug mode the arguments of slow callbacks.
    """
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if _filter_record not in logger.filters:
            logger.addFilter(_filter_record)


def _filter_record(record: logging.LogRecord) -> bool:
    if _OF_THIS_RUN.longest_form:
        message = record.getMessage()
        cleaned = _OF_THIS_RUN.text(message)
        if cleaned != message:
            record.msg, record.args = cleaned, ()
    return True


def text(value: str) -> str:
    """A text without the remembered secrets, and otherwise unchanged: safe for text that is graded."""
    return _OF_THIS_RUN.text(value)


def json_value(value: Any) -> Any:
    """A JSON value whose texts and keys are without the remembered secrets; the value itself if there are none."""
    if not _OF_THIS_RUN.longest_form:
        return value
    return _in_json(value)


def _in_json(value: Any) -> Any:
    if isinstance(value, str):
        return _OF_THIS_RUN.text(value)
    if isinstance(value, Mapping):
        return {_in_json(key): _in_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_in_json(inner) for inner in value]
    return value


def diagnostic(value: str) -> str:
    """An error, a page of information or a line of a log: without secrets and without what looks like one."""
    cleaned = _OF_THIS_RUN.text(value)
    cleaned = _ADDRESS.sub(_clean_address, cleaned)
    cleaned = _USER_AT_HOST.sub(f"{MASK}@", cleaned)
    cleaned = _SCHEME_AND_VALUE.sub(rf"\g<head>{MASK}", cleaned)
    cleaned = _NAMED_QUOTED.sub(_clean_quoted, cleaned)
    return _NAMED_PLAIN.sub(_clean_plain, cleaned)


def command(value: Any, *, longest: int = 4_000) -> str:
    """A command line on one line, without secrets. value: a text or a list; "" for anything else.

    longest: characters that are read.
    """
    if isinstance(value, str):
        arguments = _ARGUMENT.findall(_OF_THIS_RUN.text(value)[:longest])
    elif isinstance(value, Sequence):
        arguments = [str(part) for part in value]
    else:
        return ""
    # A second time as a whole: JSON with blanks is several arguments of a text.
    return diagnostic(" ".join(argv(arguments)))[:longest]


def argv(arguments: Sequence[str]) -> list[str]:
    """The arguments of a command, without secrets."""
    return _clean_arguments([_OF_THIS_RUN.text(argument) for argument in arguments])


def url(value: str) -> str:
    """An address without user name, password and the values of a query whose names say that they are secret."""
    return _USER_AT_HOST.sub("", _ADDRESS.sub(_clean_address, _OF_THIS_RUN.text(value)))


def setting(pair: str) -> str:
    """KEY=VALUE of --model-set as it may be stored and shown."""
    path, sign, value = _OF_THIS_RUN.text(pair).partition("=")
    if sign and names_a_secret(path.rpartition(".")[2]):
        return f"{path}={MASK}"
    if not sign:
        return diagnostic(pair)
    return f"{path}={_clean_list(value) if value.lstrip().startswith('[') else command_argument(value)}"


def secret_values(pair: str) -> list[str]:
    """What `setting` replaces in KEY=VALUE: the secrets themselves, to be remembered."""
    path, sign, value = pair.partition("=")
    if not sign:
        return []
    if names_a_secret(path.rpartition(".")[2]):
        return [value.strip("\"'")]
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        parsed = _ARGUMENT.findall(value)
    return secrets_in_argv([str(part) for part in parsed]) if isinstance(parsed, list) else []


def secrets_in_argv(arguments: Sequence[str]) -> list[str]:
    """The values in a command line whose flag or variable is named like a secret, to be remembered."""
    found = []
    for before, argument in zip(["", *arguments], arguments, strict=False):
        name, sign, value = argument.partition("=")
        if sign and names_a_secret(name):
            found.append(value.strip("\"'"))
        elif not sign and _is_secret_flag(before):
            found.append(argument)
    return found


def command_argument(argument: str) -> str:
    """One argument without secrets, seen without the argument in front of it."""
    head, sign, value = argument.partition("=[")
    if sign:
        # --model-set=launch.argv=[...]: a command inside an argument.
        return f"{diagnostic(head)}={_clean_list('[' + value)}"
    *names, _ = argument.split("=")
    secret = next((place for place, name in enumerate(names) if names_a_secret(name)), None)
    if secret is not None and not any(mark in argument for mark in "{?"):
        return f"{'='.join(names[: secret + 1])}={MASK}"
    return diagnostic(argument)


def names_a_secret(name: str) -> bool:
    """True if a flag, variable or key of this name holds something that is not to be shown: api-key, HF_TOKEN."""
    words = [word.lower() for word in _WORD_BREAK.split(name) if word]
    if not words or words[-1] in _PLACE_WORDS or not _COUNT_WORDS.isdisjoint(words):
        return False
    return not _SECRET_WORDS.isdisjoint(words)


def _clean_arguments(arguments: Sequence[str]) -> list[str]:
    return [
        MASK if _is_secret_flag(before) else command_argument(argument)
        for before, argument in zip(["", *arguments], arguments, strict=False)
    ]


def _clean_list(value: str) -> str:
    """A list in TOML or JSON, which may be a command."""
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, list) and all(isinstance(part, str) for part in parsed):
        return json.dumps(_clean_arguments(parsed), ensure_ascii=False)
    # Quotation marks of TOML: hide what follows a flag in the next quoted text.
    hidden = re.sub(
        r"""(?P<head>["'](?P<name>--?[\w-]+)["']\s*,\s*)(?P<quote>["'])(?P<value>[^"']*)(?P=quote)""",
        _clean_quoted,
        value,
    )
    return diagnostic(hidden)


def _is_secret_flag(argument: str) -> bool:
    return argument.startswith("-") and "=" not in argument and names_a_secret(argument)


def _clean_address(found: re.Match[str]) -> str:
    rest = _QUERY_VALUE.sub(_clean_named, found["rest"])
    return f"{found['scheme']}{rest}"


def _clean_named(found: re.Match[str]) -> str:
    if _NUMBER.fullmatch(found["value"]) and "token" in found["name"].lower():
        # "#new-token: 5" of a server's log.
        return found[0]
    return f"{found['head']}{MASK}" if names_a_secret(found["name"]) and found["value"] != MASK else found[0]


def _clean_plain(found: re.Match[str]) -> str:
    is_sentence = found["sign"] != "=" and found["name"].lower() in _ORDINARY_WORDS
    return found[0] if is_sentence else _clean_named(found)


def _clean_quoted(found: re.Match[str]) -> str:
    quote_mark = found["quote"]
    return f"{found['head']}{quote_mark}{MASK}{quote_mark}" if names_a_secret(found["name"]) else found[0]
