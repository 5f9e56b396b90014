"""The rules by name: a row's `check` is one of these."""

from __future__ import annotations

from collections.abc import Mapping

from .parsing import Check
from .rules_limits import counts_alike, counts_plausibly, counts_tokens, finishes, grows, is_cut, stops
from .rules_structure import calls, conforms
from .rules_text import answers_apart, chooses, clean, contains, repeats, streams_alike, thinks_apart, varies

CHECKS: Mapping[str, Check] = {
    rule.__name__: rule
    for rule in (
        answers_apart,
        calls,
        chooses,
        clean,
        conforms,
        contains,
        counts_alike,
        counts_plausibly,
        counts_tokens,
        finishes,
        grows,
        is_cut,
        repeats,
        stops,
        streams_alike,
        thinks_apart,
        varies,
    )
}
