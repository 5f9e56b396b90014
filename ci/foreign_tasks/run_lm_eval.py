"""lm-eval's own run of tasks, as its command line would do it; runs in the environment of the package.

python run_lm_eval.py FOLDER BASE_URL MODEL KIND OUT TASK...
"""

from __future__ import annotations

import json
import logging
import resource
import sys
from pathlib import Path

from lm_eval import simple_evaluate
from lm_eval.tasks import TaskManager

CONCURRENT = 64


def main(folder: str, base_url: str, model: str, kind: str, out: str, *tasks: str) -> None:
    """Run the tasks and write values and CPU time to `out`."""
    logging.disable(logging.WARNING)
    is_chat = kind == "chat"
    found = simple_evaluate(
        model="local-chat-completions" if is_chat else "local-completions",
        model_args={
            "base_url": f"{base_url}/{'chat/completions' if is_chat else 'completions'}",
            "model": model,
            "num_concurrent": CONCURRENT,
            **({} if is_chat else {"tokenizer_backend": "remote", "max_length": 2048}),
        },
        tasks=list(tasks),
        task_manager=TaskManager(include_path=folder, include_defaults=False),
        apply_chat_template=is_chat,
        fewshot_as_multiturn=is_chat,
        log_samples=True,
        bootstrap_iters=0,
    )
    used = resource.getrusage(resource.RUSAGE_SELF)
    samples = {
        task: [
            {key: value for key, value in row.items() if key in (*row["metrics"], "doc_id", "filter", "metrics")}
            for row in rows
        ]
        for task, rows in found["samples"].items()
    }
    results = {
        name: {k: v for k, v in one.items() if isinstance(v, int | float)} for name, one in found["results"].items()
    }
    content = {"cpu_s": used.ru_utime + used.ru_stime, "samples": samples, "results": results}
    Path(out).write_text(json.dumps(content, default=_plain), encoding="utf-8")


def _plain(value: object) -> object:
    """Numbers and arrays of NumPy."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


if __name__ == "__main__":
    main(*sys.argv[1:])
