"""--eval-dry-run: what would be asked, as text. Nothing is sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytest_modeleval._support.suggest import closest
from pytest_modeleval.client.body import effective_params, encode_body, seed_of
from pytest_modeleval.evaluation.model_handle import with_system
from pytest_modeleval.evaluation.planned_items import PlannedItem
from pytest_modeleval.images.references import request_with_references


def dry_run_lines(
    items: Sequence[PlannedItem], *, model: str, profile: Mapping[str, Any], user: Mapping[str, Any], system: str
) -> list[str]:
    """Counts of every subset, and the first request of each, as it would be sent; pictures by reference.

    model: the name that is asked for. profile, user: request parameters. system: of --eval-system, "" for none.
    """
    groups: dict[tuple[str, str], list[PlannedItem]] = {}
    for item in items:
        groups.setdefault((item.key.benchmark, item.key.subset), []).append(item)
    lines = [f"dry run: {len(items):,} requests or conversations with {model}; nothing is sent"]
    for (name, subset), members in groups.items():
        first = members[0]
        lines += ["", f"{name} {subset}: {len(members):,} items, the first is {first.key.sample}"]
        benchmark = first.plan.benchmark
        if benchmark.request is None:
            lines.append("asked by `solve`, whose requests depend on the replies")
            continue
        params = effective_params(benchmark=benchmark.defaults, profile=profile, user=user, context_tokens=None)
        request = request_with_references(with_system(benchmark.request(first.sample), system))
        body = encode_body(request, model=model, params=params, seed=seed_of(first.key))
        lines += json.dumps(json.loads(body), indent=2, ensure_ascii=False).splitlines()
    return lines


# Parameters of OpenAI's chat completions, vLLM and SGLang.
KNOWN_PARAMS = frozenset(
    {
        *(
            "temperature",
            "top_p",
            "top_k",
            "min_p",
            "max_tokens",
        ),
        *(
            "max_completion_tokens",
            "frequency_penalty",
            "presence_penalty",
            "repetition_penalty",
            "stop",
        ),
        *(
            "stop_token_ids",
            "seed",
            "n",
            "logprobs",
            "top_logprobs",
        ),
        *(
            "logit_bias",
            "response_format",
            "stream",
            "stream_options",
            "tool_choice",
        ),
        *(
            "parallel_tool_calls",
            "reasoning_effort",
            "chat_template_kwargs",
            "min_tokens",
            "ignore_eos",
        ),
        *(
            "skip_special_tokens",
            "spaces_between_special_tokens",
            "include_stop_str_in_output",
            "best_of",
            "length_penalty",
        ),
        *(
            "user",
            "service_tier",
            "store",
            "metadata",
            "separate_reasoning",
        ),
        *(
            "continue_final_message",
            "add_generation_prompt",
            "priority",
            "thinking",
            "enable_thinking",
        ),
        *(
            "verbosity",
            "guided_json",
            "guided_regex",
            "guided_choice",
            "structured_outputs",
        ),
        *(
            "regex",
            "ebnf",
            "json_schema",
            "no_stop_trim",
            "custom_params",
        ),
    }
)


def param_notes(names: Iterable[str]) -> list[str]:
    """A warning for each parameter whose name looks like a slip: servers ignore what they do not know."""
    notes = []
    for name in names:
        near = closest(name, KNOWN_PARAMS, cutoff=0.8) if name not in KNOWN_PARAMS else None
        if near is not None:
            notes.append(f"warning: --eval-param {name} is sent as it is; did you mean {near}?")
    return notes
