"""A stand-alone server that answers with the key in the prompt; launched by profiles of tests.

python serve_keys.py PORT [--delay-s] DELAY_S
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.loopback import Answer, LoopbackServer
from tests.support.suites import key_answer


def main() -> None:
    """Serve until ended."""
    port, delay_s = int(sys.argv[1]), float(sys.argv[-1])
    server = LoopbackServer(
        lambda body, attempt: Answer(text=key_answer(body, attempt).text, delay_s=delay_s), port=port
    )
    server.start()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
