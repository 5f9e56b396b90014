"""Run as a program: one split of a Hugging Face data set, through datasets.load_dataset, to a JSONL file.

Reads {"repo", "config", "split", "revision", "target"} as JSON from standard input. Exit 0 when the file is whole;
otherwise exit 1 with the reason as the only line of standard output. Imports nothing of this package, because it is
started by its path, in a process of its own (see HubTable).
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any


def write_table(asked: dict[str, Any]) -> int:
    """Write the rows and give their number. Raises whatever the datasets library raises."""
    import datasets  # noqa: PLC0415 (seconds; not before the request was read)
    import orjson  # noqa: PLC0415

    datasets.disable_progress_bars()
    table = datasets.load_dataset(asked["repo"], asked["config"], split=asked["split"], revision=asked["revision"])
    for name, feature in table.features.items():
        if isinstance(feature, datasets.Image):
            # Pictures stay the bytes that they are, and the library that decodes them need not be there.
            table = table.cast_column(name, datasets.Image(decode=False))
    count = 0
    with Path(asked["target"]).open("wb") as target:
        for row in table:
            try:
                target.write(orjson.dumps({name: _plain(value) for name, value in row.items()}) + b"\n")
            except TypeError as error:
                raise ValueError(f"row {count} holds what JSON cannot ({error})") from error
            count += 1
    return count


def _plain(value: Any) -> Any:
    """The value as JSON has it: {"bytes": ...} of a picture as {"bytes_base64": ...}."""
    if isinstance(value, dict) and isinstance(value.get("bytes"), bytes):
        data = base64.b64encode(value["bytes"]).decode("ascii")
        return {"bytes_base64": data, **{name: part for name, part in value.items() if name != "bytes"}}
    return value


def main() -> int:
    """The whole program."""
    asked = json.loads(sys.stdin.read())
    try:
        write_table(asked)
    except Exception as error:  # noqa: BLE001 (the parent process reports it)
        first_line = str(error).strip().partition("\n")[0]
        sys.stdout.write(f"{type(error).__name__}: {first_line}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
