"""Which folders are checkpoints, of which step, and whether they are whole."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from pytest_modeleval.training.checkpoints import Checkpoint, find_checkpoints, step_of, why_incomplete


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("checkpoint-400", 400),
        ("global_step_1200", 1200),
        ("iter_0000050", 50),
        ("epoch=1-step=350.ckpt", 350),
        ("v3-step-7-of-9", 7),
        ("2026-run-12", 12),
        ("tmp_step_5", None),
        ("tmp-checkpoint-5", None),
        (".checkpoint-5", None),
        ("checkpoint-5.tmp", None),
        ("checkpoint-5_incomplete", None),
        ("best", None),
        ("template-6", 6),
    ],
)
def test_the_step_is_in_the_name(name: str, step: int | None) -> None:
    """Behind step, checkpoint or iter, else the last number; drafts have none."""
    assert step_of(name) == step


def safetensors(path: Path, *, size: int = 16) -> None:
    """A file with one tensor of `size` bytes."""
    head = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}, "__metadata__": {}}).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + bytes(size))


def checkpoint(root: Path, name: str = "checkpoint-10") -> Checkpoint:
    """A new, empty one."""
    (root / name).mkdir()
    (found,) = (each for each in find_checkpoints(root) if each.name == name)
    return found


def test_transformers_whole_means_trainer_state_and_whole_weights(tmp_path: Path) -> None:
    """Every stage of writing is recognised as such, without waiting."""
    found = checkpoint(tmp_path)
    assert why_incomplete(found) == "it is empty"
    weights = found.path / "model.safetensors"
    safetensors(weights)
    assert "it was written to" in why_incomplete(found), "whole weights, and the tokenizer may follow"
    state = found.path / "trainer_state.json"
    state.write_text('{"global_step"', encoding="utf-8")
    assert "it was written to" in why_incomplete(found), "half of the state"
    state.write_text('{"global_step": 10}', encoding="utf-8")
    assert why_incomplete(found) == ""
    whole = weights.read_bytes()
    for size in (0, 5, 20, len(whole) - 1):
        weights.write_bytes(whole[:size])
        assert why_incomplete(found) == "model.safetensors is not whole"


def test_an_index_names_shards_that_must_be_there(tmp_path: Path) -> None:
    """One missing shard, and a half-written index."""
    found = checkpoint(tmp_path)
    (found.path / "trainer_state.json").write_text("{}", encoding="utf-8")
    safetensors(found.path / "model-00001-of-00002.safetensors")
    index = found.path / "model.safetensors.index.json"
    names = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    index.write_text(json.dumps({"weight_map": names}), encoding="utf-8")
    assert (
        why_incomplete(found) == "model-00002-of-00002.safetensors is missing, which model.safetensors.index.json names"
    )
    safetensors(found.path / "model-00002-of-00002.safetensors")
    assert why_incomplete(found) == ""
    index.write_text('{"weight_map": ', encoding="utf-8")
    assert "index.json is not whole" in why_incomplete(found)


def test_other_formats_are_whole_by_their_tracker_or_when_they_are_quiet(tmp_path: Path) -> None:
    """Megatron's and verl's file of the last iteration; otherwise the age of the newest file."""
    found = checkpoint(tmp_path, "global_step_10")
    file = found.path / "model.pt"
    file.write_bytes(b"x")
    assert "it was written to" in why_incomplete(found)
    tracker = tmp_path / "latest_checkpointed_iteration.txt"
    tracker.write_text("5", encoding="utf-8")
    assert "it was written to" in why_incomplete(found)
    tracker.write_text("10", encoding="utf-8")
    assert why_incomplete(found) == ""
    tracker.unlink()
    then = time.time() - 61
    os.utime(file, (then, then))
    assert why_incomplete(found) == ""
    assert "it was written to" in why_incomplete(found, quiet_s=600)


def test_checkpoints_are_found_in_the_order_of_their_steps(tmp_path: Path) -> None:
    """By number, not by text; files of Lightning too; nothing else."""
    for name in ("checkpoint-100", "checkpoint-20", "logs", "tmp-checkpoint-30"):
        (tmp_path / name).mkdir()
    (tmp_path / "step=7.ckpt").write_bytes(b"x")
    (tmp_path / "step=8.log").write_bytes(b"x")
    assert [found.name for found in find_checkpoints(tmp_path)] == ["step=7.ckpt", "checkpoint-20", "checkpoint-100"]
    assert find_checkpoints(tmp_path / "none") == []
