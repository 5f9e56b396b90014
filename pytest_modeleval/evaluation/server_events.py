"""What a run saw of its server, for the summary: restarts, failed attempts, names of models in the replies. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_modeleval.dispatch.reply_model import is_name_of, is_same_name
from pytest_modeleval.records import JsonObject
from pytest_modeleval.store.contents import Contents


def server_events(run: Mapping[str, Any], contents: Contents) -> JsonObject:
    """Facts for RunSummary.facts; each key is left out where there is nothing to say.

    run: run.json. "failed_attempts": cause -> attempts that failed, most frequent first. "restarts": one entry for each
    time that a server of ours died or hung and was started again. "reply_models": name in the replies -> {"replies":
    number, "is_version": it is a dated version of the requested name}, for names that are not the model's own.
    """
    restarts = [restart for entry in run.get("invocations") or () for restart in _list(entry.get("restarts"))]
    names = [str(name) for name in run.get("model_names") or ()] or [str(run.get("served") or "")]
    found = {
        name: {"replies": count, "is_version": is_name_of(name, names)}
        for name, count in contents.reply_models.most_common()
        if not is_same_name(name, names)
    }
    return {
        **({"failed_attempts": dict(contents.failed_attempts.most_common())} if contents.failed_attempts else {}),
        **({"restarts": restarts} if restarts else {}),
        **({"reply_models": found} if found else {}),
    }


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
