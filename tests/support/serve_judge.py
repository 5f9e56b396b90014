"""A stand-alone judge for `tests.runs.test_judge.JUDGED`; launched by profiles of tests.

python serve_judge.py PORT DELAY_S
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.loopback import Act, Answer, LoopbackServer


def truthful(body: dict[str, Any], attempt: int) -> Act:
    """Yes where the answer between the fences names the letter that the prompt asks about."""
    prompt = str(body["messages"][-1]["content"])
    letter = prompt.partition("is it ")[2][:1]
    said = prompt.partition("ANSWER: ")[2][:1]
    verdict = f"I looked.\nVERDICT: {'yes' if letter == said else 'no'}"
    return Answer(text=verdict, delay_s=float(sys.argv[2]) if len(sys.argv) == 3 else 0.0)


def main() -> None:
    """Serve until ended."""
    server = LoopbackServer(truthful, models=("referee",), port=int(sys.argv[1]))
    server.start()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
