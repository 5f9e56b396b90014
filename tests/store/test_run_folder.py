"""What a killed run leaves in its folder, and what a merged journal takes from others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_type_hints

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modeleval.errors import RunFolderError
from pytest_modeleval.records import ItemKey, Kind, Outcome
from pytest_modeleval.server_facts import ServerFacts
from pytest_modeleval.store.journal import JournalReader, outcome_line
from pytest_modeleval.store.merged_journal import write_merged
from pytest_modeleval.store.run_file import load_run
from pytest_modeleval.store.run_folder import lock_run_folder


@pytest.mark.parametrize("name", [".run.json.4711.tmp", ".journal.jsonl.12.tmp", ".report.html.9.tmp"])
def test_half_written_files_of_a_killed_run_are_taken_away(tmp_path: Path, name: str) -> None:
    """Killed while it wrote its very first file, a run leaves a folder that the same command resumes."""
    (tmp_path / name).write_bytes(b"{")
    (tmp_path / "run.lock").touch()
    folder = lock_run_folder(tmp_path, facts={"identity": "x", "model": "m"}, command=["pytest"], project_dir=tmp_path)
    folder.close()
    assert [path.name for path in tmp_path.iterdir()] == ["run.lock"]


@pytest.mark.parametrize("name", [".bashrc", ".notes.json.tmp", ".run.json.x.tmp", "thesis.tmp"])
def test_what_is_not_ours_stays(tmp_path: Path, name: str) -> None:
    """A folder with anything else in it is refused, and left as it is."""
    (tmp_path / name).write_text("mine")
    with pytest.raises(RunFolderError, match="holds something else"):
        lock_run_folder(tmp_path, facts={"identity": "x"}, command=[], project_dir=tmp_path)
    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize("name", ["run.json", "run.lock", "journal.jsonl"])
def test_links_in_a_run_folder_are_not_followed(tmp_path: Path, name: str) -> None:
    """A link to an ordinary file is refused, and what it leads to stays as it is."""
    run, target = tmp_path / "run", tmp_path / "target"
    facts = {"identity": "x", "model": "m", "served": "m"}
    folder = lock_run_folder(run, facts=facts, command=["pytest"], project_dir=tmp_path)
    folder.save()
    folder.close()
    content = (run / "run.json").read_bytes() if name == "run.json" else b""
    target.write_bytes(content)
    (run / name).unlink(missing_ok=True)
    (run / name).symlink_to(target)
    with pytest.raises(RunFolderError, match=r"link|cannot write the run folder"):
        lock_run_folder(run, facts=facts, command=["pytest"], project_dir=tmp_path).reader.refresh()
    assert target.read_bytes() == content


def test_the_run_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    """--eval-run=DIR is the user's own: where it is a link, the run is in the folder that it leads to."""
    (tmp_path / "volume").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "volume")
    folder = lock_run_folder(tmp_path / "run", facts={"identity": "x", "model": "m"}, command=[], project_dir=tmp_path)
    folder.save()
    folder.close()
    assert (tmp_path / "volume" / "run.json").exists()


def test_a_run_folder_is_held_once(tmp_path: Path) -> None:
    """A second run is refused while the first has the folder, also within one process, and let in afterwards."""
    facts = {"identity": "x", "model": "m", "served": "m"}
    first = lock_run_folder(tmp_path / "run", facts=facts, command=[], project_dir=tmp_path)
    with pytest.raises(RunFolderError, match="in use by another run"):
        lock_run_folder(tmp_path / "run", facts=facts, command=[], project_dir=tmp_path)
    first.close()
    lock_run_folder(tmp_path / "run", facts=facts, command=[], project_dir=tmp_path).close()


def test_of_two_outcomes_in_one_millisecond_the_one_that_counts_is_merged(tmp_path: Path) -> None:
    """The journal's later line counts where both have the same time; the merged journal must not take the other."""
    key = ItemKey("b", "s", "q")
    lost = outcome_line(Outcome(key, Kind.TIMEOUT, cause="idle"), version="1")
    right = {**outcome_line(Outcome(key, Kind.RIGHT, 1.0), version="1"), "time": lost["time"]}
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (source / "journal.jsonl").write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in (lost, right)))
    contents = JournalReader(source).refresh()
    write_merged(target, [], [(source, contents)], {key: 0})
    assert JournalReader(target).refresh().outcomes == {key: Outcome(key, Kind.RIGHT, 1.0)}


_COUNTS = st.none() | st.integers(1, 10**6)
_FACTS = {
    name: _COUNTS if name in ("context_tokens", "max_running_requests") else st.from_type(kind)
    for name, kind in get_type_hints(ServerFacts).items()
}


@given(st.builds(ServerFacts, **_FACTS))
def test_any_facts_of_a_server_can_be_read_again(tmp_path_factory: pytest.TempPathFactory, facts: ServerFacts) -> None:
    """What a server says of itself never makes run.json unreadable: the run could not be resumed."""
    folder = tmp_path_factory.mktemp("run")
    run = {"schema": 1, "model": "m", "served": "m", "identity": facts.identity, "invocations": []}
    stored = json.dumps({**run, "server": facts.as_json()}, ensure_ascii=True)
    (folder / "run.json").write_text(stored)
    assert ServerFacts.from_json(load_run(folder)["server"]) == facts
