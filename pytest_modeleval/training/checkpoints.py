"""Finds the checkpoints of a training, and says which of them are whole. Reads sizes and heads of files, no weights."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_modeleval._support.bounded_file import read_bounded

QUIET_S = 60.0
_MOST_STATE_BYTES = 256_000_000
_MOST_HEAD_BYTES = 100_000_000
_MOST_FILES = 20_000
# Of Megatron and verl: written when the checkpoint of that step is whole.
_TRACKERS = ("latest_checkpointed_iteration.txt",)
_STATE = "trainer_state.json"
_INDEX = ".safetensors.index.json"
_STEP = re.compile(r"(?:step|checkpoint|iter|iteration)[=_-]*0*(\d{1,15})", re.IGNORECASE)
_NUMBER = re.compile(r"(\d{1,15})")
_DRAFT = re.compile(r"^(?:\.|tmp|temp(?![a-z]))|[._-](?:tmp|temp|incomplete|part)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint of a training: a folder, or one file (Lightning)."""

    path: Path
    step: int

    @property
    def name(self) -> str:
        """The name of its folder or file."""
        return self.path.name


def find_checkpoints(root: Path) -> list[Checkpoint]:
    """The checkpoints directly in `root`, in the order of their steps, without drafts and names without a number."""
    try:
        entries = [entry for entry in root.iterdir() if entry.is_dir() or entry.suffix == ".ckpt"]
    except OSError:
        return []
    found = [Checkpoint(entry, step) for entry in entries if (step := step_of(entry.name)) is not None]
    return sorted(found, key=lambda checkpoint: (checkpoint.step, checkpoint.name))


def step_of(name: str) -> int | None:
    """The number behind "step", "checkpoint" or "iter" in the name of a checkpoint, else the last one; None without."""
    if _DRAFT.search(name):
        return None
    steps = _STEP.findall(name) or _NUMBER.findall(name)
    return int(steps[-1]) if steps else None


def written_ns(checkpoint: Checkpoint) -> int:
    """When the newest file was written, in ns: another number is another checkpoint of the same name."""
    try:
        return max((file.stat().st_mtime_ns for file in _files(checkpoint.path)), default=0)
    except OSError:
        return 0


def why_incomplete(checkpoint: Checkpoint, *, quiet_s: float = QUIET_S) -> str:
    """Why a checkpoint is not whole (yet), for people; "" if it is.

    1. Every safetensors file has the size that its head states, and every file of an index is there.
    2. trainer_state.json (transformers, TRL, ms-swift: written last) can be read; or
       latest_checkpointed_iteration.txt next to the checkpoint (Megatron, verl) has reached its step; or
       nothing in it has changed for quiet_s seconds.
    """
    path = checkpoint.path
    try:
        files = list(_files(path))
        if not files:
            return "it is empty"
        if problem := next(_safetensors_problems(files), ""):
            return problem
        if _is_said_whole(checkpoint):
            return ""
        newest = max(file.stat().st_mtime for file in files)
    except OSError as error:
        return f"it cannot be read: {error}"
    age_s = time.time() - newest
    return "" if age_s >= quiet_s else f"it was written to {max(0, age_s):.0f} s ago"


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for count, file in enumerate(sorted(path.rglob("*"))):
        if count >= _MOST_FILES:
            raise OSError(f"more than {_MOST_FILES} files")
        if file.is_file():
            yield file


def _safetensors_problems(files: list[Path]) -> Iterator[str]:
    for file in files:
        if file.name.endswith(_INDEX):
            yield from _missing_shards(file)
        elif file.suffix == ".safetensors" and not _is_whole_safetensors(file):
            yield f"{file.name} is not whole"


def _missing_shards(index: Path) -> Iterator[str]:
    try:
        shards = set(json.loads(read_bounded(index, _MOST_STATE_BYTES))["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError):
        yield f"{index.name} is not whole"
        return
    missing = sorted(str(shard) for shard in shards if not (index.parent / Path(str(shard)).name).is_file())
    if missing:
        yield f"{missing[0]} is missing, which {index.name} names"


def _is_whole_safetensors(file: Path) -> bool:
    """The size is that of the head and of the last tensor."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 0 < length <= min(size - 8, _MOST_HEAD_BYTES):
            return False
        try:
            head = json.loads(stream.read(length))
            ends = [entry["data_offsets"][1] for name, entry in head.items() if name != "__metadata__"]
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            return False
    return size == 8 + length + max(ends, default=0)


def _is_said_whole(checkpoint: Checkpoint) -> bool:
    """The training itself says that it has written everything."""
    try:
        state = json.loads(read_bounded(checkpoint.path / _STATE, _MOST_STATE_BYTES))
        return isinstance(state, dict)
    except (OSError, ValueError):
        return any(_reached(checkpoint.path.parent / name, checkpoint.step) for name in _TRACKERS)


def _reached(tracker: Path, step: int) -> bool:
    try:
        return int(read_bounded(tracker, 1_000)) >= step
    except (OSError, ValueError):
        return False
