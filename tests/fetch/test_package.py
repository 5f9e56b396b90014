"""Single files out of packages, through pip and uv against a folder of archives: no network."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pytest_modeleval.datasets import open_manifest, pypi, read_rows
from pytest_modeleval.errors import DataError
from pytest_modeleval.fetch import FetchError, Progress, fetch_cached, fetch_package
from pytest_modeleval.fetch import package as package_module
from pytest_modeleval.fetch.archive import copy_member, has_member, sha256_of_member
from pytest_modeleval.fetch.package import PackageFile

HAS_PIP = importlib.util.find_spec("pip") is not None
ROWS = b'{"id": "a", "question": "one"}\n{"id": "b", "question": "two"}\n'
ANSWERS = b'{"id": "b", "ground_truth": 2}\n{"id": "a", "ground_truth": 1}\n'
MEMBER = "mv_probe/data/rows.jsonl"
FILES = {
    MEMBER: ROWS,
    "mv_probe/__init__.py": b"raise RuntimeError('imported')\n",
    "mv_probe/data/BFCL_one.json": ROWS,
    "mv_probe/data/BFCL_two.json": ROWS,
    "mv_probe/data/answers/BFCL_one.json": ANSWERS,
}


def sha256(content: bytes) -> str:
    """In hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def make_wheel(folder: Path, files: dict[str, bytes], version: str = "1.0", *, requires_python: str = ">=3.8") -> Path:
    """A wheel of package mv-probe that wants a dependency which exists nowhere."""
    info = f"mv_probe-{version}.dist-info"
    about = f"Metadata-Version: 2.1\nName: mv-probe\nVersion: {version}\nRequires-Python: {requires_python}\n"
    content = {
        **files,
        f"{info}/METADATA": f"{about}Requires-Dist: mv-no-such-dependency\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*content, f"{info}/RECORD"])
    path = folder / f"mv_probe-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, data in {**content, f"{info}/RECORD": record.encode()}.items():
            wheel.writestr(name, data)
    return path


def make_sdist(folder: Path, files: dict[str, bytes], trace: Path) -> Path:
    """An sdist whose build code leaves a trace when it is run."""
    backend = f"""
import pathlib
pathlib.Path({str(trace)!r}).write_text("the build code ran")
def get_requires_for_build_wheel(settings=None): return []
def prepare_metadata_for_build_wheel(folder, settings=None):
    made = pathlib.Path(folder) / "mv_probe-1.0.dist-info"
    made.mkdir()
    (made / "METADATA").write_text("Metadata-Version: 2.1\\nName: mv-probe\\nVersion: 1.0\\n")
    (made / "WHEEL").write_text("Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    return made.name
def build_wheel(folder, settings=None, metadata=None): raise RuntimeError("not wanted")
"""
    content = {
        **files,
        "pyproject.toml": b'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        b'[project]\nname = "mv-probe"\nversion = "1.0"\n',
        "backend.py": backend.encode(),
        "PKG-INFO": b"Metadata-Version: 2.1\nName: mv-probe\nVersion: 1.0\n",
    }
    path = folder / "mv_probe-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as bundle:
        for name, data in content.items():
            entry = tarfile.TarInfo(f"mv_probe-1.0/{name}")
            entry.size = len(data)
            bundle.addfile(entry, io.BytesIO(data))
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip and uv take for the whole package index, as a user's own configuration would say."""
    if not HAS_PIP:
        pytest.skip("pip is not installed beside this Python")
    folder = tmp_path / "index"
    folder.mkdir()
    for name in ("PIP", "UV"):
        monkeypatch.setenv(f"{name}_FIND_LINKS", str(folder))
        monkeypatch.setenv(f"{name}_NO_INDEX", "1")
        monkeypatch.setenv(f"{name}_CACHE_DIR", str(tmp_path / "installer-cache"))
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    return folder


def test_one_file_comes_out_of_a_wheel(index: Path, tmp_path: Path) -> None:
    """The bytes of the member; its dependency is not asked for; what another Python requires does not matter."""
    make_wheel(index, FILES, requires_python=">=99")
    said: list[str] = []
    path = fetch_package(
        "mv-probe",
        "1.0",
        sha256=sha256(ROWS),
        member=MEMBER,
        cache_dir=tmp_path / "cache",
        progress=Progress(print_line=said.append),
    )
    assert path.read_bytes() == ROWS
    assert said == ["fetching mv-probe 1.0 from the package index (without its dependencies)"]


def test_a_second_call_needs_no_index(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same member is found; another member of the same package comes out of the archive that was kept."""
    make_wheel(index, FILES)
    first = fetch_package("mv-probe", "1.0", sha256=None, member=MEMBER, cache_dir=tmp_path / "cache")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("an installer was started")

    monkeypatch.setattr(subprocess, "run", refuse)
    assert fetch_package("mv-probe", "1.0", sha256=None, member=MEMBER, cache_dir=tmp_path / "cache") == first
    other = fetch_package("mv-probe", "1.0", sha256=None, member="mv_probe/__init__.py", cache_dir=tmp_path / "cache")
    assert other.read_bytes() == FILES["mv_probe/__init__.py"]


def test_the_hash_may_be_that_of_the_archive(index: Path, tmp_path: Path) -> None:
    """One pin serves every file of a package; it is in the lock beside the file's own."""
    archive_sha256 = sha256(make_wheel(index, FILES).read_bytes())
    for member in (MEMBER, "mv_probe/data/BFCL_one.json"):
        source = PackageFile("mv-probe", "1.0", member, sha256=archive_sha256)
        fetched = fetch_cached(source, "", cache_dir=tmp_path / "cache")
        assert (fetched.archive_sha256, fetched.sha256) == (archive_sha256, sha256(FILES[member]))
        assert fetch_cached(source, "", cache_dir=tmp_path / "cache") == fetched


def test_another_hash_is_refused_with_all_hashes(index: Path, tmp_path: Path) -> None:
    """A file other than the pinned one is not handed out; the error has the pinned and both found hashes."""
    wheel = make_wheel(index, FILES)
    with pytest.raises(DataError) as caught:
        fetch_package("mv-probe", "1.0", sha256="0" * 64, member=MEMBER, cache_dir=tmp_path / "cache")
    for part in ("0" * 64, sha256(ROWS), sha256(wheel.read_bytes())):
        assert part in str(caught.value)
    assert not list((tmp_path / "cache").rglob("rows.jsonl"))


def test_a_pin_that_changed_is_checked_on_cached_files(index: Path, tmp_path: Path) -> None:
    """A file fetched under another pin is not taken for the one that is pinned now."""
    make_wheel(index, FILES)
    fetch_package("mv-probe", "1.0", sha256=None, member=MEMBER, cache_dir=tmp_path / "cache")
    with pytest.raises(DataError, match="expected sha256 1111"):
        fetch_package("mv-probe", "1.0", sha256="1" * 64, member=MEMBER, cache_dir=tmp_path / "cache")


def test_a_missing_package_or_version_is_told(index: Path, tmp_path: Path) -> None:
    """What pip said, and the command to run by hand."""
    make_wheel(index, FILES)
    cache = tmp_path / "cache"
    with pytest.raises(FetchError) as caught:
        fetch_package("mv-probe", "2.0", sha256=None, member=MEMBER, cache_dir=cache)
    by_hand = f"python -m pip download --no-deps mv-probe==2.0 --dest {cache / 'packages' / 'mv-probe-2.0'}"
    assert by_hand in str(caught.value)
    assert "No matching distribution" in str(caught.value)


def test_an_archive_put_there_by_hand_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command of the error message, run elsewhere and copied, needs no installer here."""
    folder = tmp_path / "cache" / "packages" / "mv-probe-1.0"
    folder.mkdir(parents=True)
    make_wheel(folder, FILES)
    monkeypatch.setattr(subprocess, "run", None)
    path = fetch_package("mv-probe", "1.0", sha256=sha256(ROWS), member=MEMBER, cache_dir=tmp_path / "cache")
    assert path.read_bytes() == ROWS


def test_a_missing_member_names_similar_ones(index: Path, tmp_path: Path) -> None:
    """A typing error in the path is found at a glance."""
    make_wheel(index, FILES)
    with pytest.raises(DataError, match=r"rows\.json in mv_probe.*found mv_probe/data/rows\.jsonl"):
        fetch_package("mv-probe", "1.0", sha256=None, member="mv_probe/data/rows.json", cache_dir=tmp_path / "cache")


def test_a_big_archive_is_not_kept(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside one big file its archive would only take the same room again."""
    make_wheel(index, FILES)
    monkeypatch.setattr(package_module, "KEPT_ARCHIVE_BYTES", 100)
    path = fetch_package("mv-probe", "1.0", sha256=None, member=MEMBER, cache_dir=tmp_path / "cache")
    assert path.read_bytes() == ROWS
    assert not list((tmp_path / "cache").rglob("*.whl"))


def test_an_sdist_serves_where_there_is_no_wheel(index: Path, tmp_path: Path) -> None:
    """Its files are named below the folder that every sdist has; the archive's hash is checked."""
    sdist = make_sdist(index, FILES, tmp_path / "trace")
    path = fetch_package(
        "mv-probe", "1.0", sha256=sha256(sdist.read_bytes()), member=MEMBER, cache_dir=tmp_path / "cache"
    )
    assert path.read_bytes() == ROWS


def test_build_code_of_another_sdist_does_not_run(index: Path, tmp_path: Path) -> None:
    """Pip compares the archive with the pin before it runs anything of it."""
    make_sdist(index, FILES, tmp_path / "trace")
    with pytest.raises(FetchError, match="as an sdist"):
        fetch_package("mv-probe", "1.0", sha256="0" * 64, member=MEMBER, cache_dir=tmp_path / "cache")
    assert not (tmp_path / "trace").exists()


def needs_uv() -> None:
    """Skip where there is no uv to test with."""
    if not (shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))):
        pytest.skip("uv is not installed")


@pytest.fixture
def without_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an environment made by uv, which has no pip."""
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pip" else found(name))


@pytest.mark.usefixtures("without_pip")
@pytest.mark.parametrize("pin", ["member", "archive", "none"])
def test_uv_serves_where_there_is_no_pip(index: Path, tmp_path: Path, pin: str) -> None:
    """The file comes by uv; a pin of the archive is checked by uv, one of the file by us."""
    needs_uv()
    wheel = make_wheel(index, FILES, requires_python=">=3.8")
    pins = {"member": sha256(ROWS), "archive": sha256(wheel.read_bytes()), "none": None}
    path = fetch_package("mv-probe", "1.0", sha256=pins[pin], member=MEMBER, cache_dir=tmp_path / "cache")
    assert path.read_bytes() == ROWS
    if pin == "archive":
        source = PackageFile("mv-probe", "1.0", "mv_probe/__init__.py", sha256=pins[pin])
        assert fetch_cached(source, "", cache_dir=tmp_path / "cache").archive_sha256 == pins[pin]


@pytest.mark.usefixtures("without_pip")
def test_uv_refuses_another_hash(index: Path, tmp_path: Path) -> None:
    """Neither the archive nor the file has the pinned hash: refused."""
    needs_uv()
    make_wheel(index, FILES)
    with pytest.raises(DataError, match="expected sha256 0000"):
        fetch_package("mv-probe", "1.0", sha256="0" * 64, member=MEMBER, cache_dir=tmp_path / "cache")


@pytest.mark.usefixtures("without_pip")
def test_without_any_installer_the_command_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither pip nor uv: which Python lacks them, and what to run elsewhere."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(FetchError, match=r"neither for .*/python; or run: python -m pip download .* --dest"):
        fetch_package("mv-probe", "1.0", sha256=None, member=MEMBER, cache_dir=tmp_path / "cache")


def test_rows_of_a_package_are_joined_with_their_answers(index: Path, tmp_path: Path) -> None:
    """pypi(join=): fields of the row with the same id are added, in the questions' order; no partner file, no join."""
    archive_sha256 = sha256(make_wheel(index, FILES).read_bytes())
    dataset = pypi(
        "mv-probe",
        "1.0",
        sha256=archive_sha256,
        local="x/{subset}",
        file="mv_probe/data/BFCL_{subset}.json",
        join="mv_probe/data/answers/BFCL_{subset}.json",
    )
    read = {}
    for subset in ("one", "two"):
        manifest = open_manifest(
            dataset,
            subset,
            benchmark="b",
            version="1",
            data_dir=None,
            cache_dir=tmp_path / "cache",
            sample_id=lambda row: row.text("id"),
        )
        assert (manifest.origin, manifest.revision) == ("pypi mv-probe 1.0", "1.0")
        read[subset] = [dict(row) for row in read_rows(manifest, dataset, [0, 1])]
    assert [row["ground_truth"] for row in read["one"]] == [1, 2]
    assert [row["question"] for row in read["one"]] == ["one", "two"]
    assert all("ground_truth" not in row for row in read["two"])


def test_a_question_without_its_answer_is_told(index: Path, tmp_path: Path) -> None:
    """A partner file that lacks an id is a fault of the data, not a sample without target."""
    make_wheel(index, FILES | {"mv_probe/data/answers/BFCL_one.json": ANSWERS.splitlines(keepends=True)[0]})
    source = PackageFile("mv-probe", "1.0", "mv_probe/data/BFCL_one.json", join="mv_probe/data/answers/BFCL_one.json")
    with pytest.raises(DataError, match=r"found none for 'a', in mv_probe-1\.0-py3-none-any\.whl/mv_probe/data/ans"):
        fetch_cached(source, "", cache_dir=tmp_path / "cache")


NAMES = st.lists(st.sampled_from(["a", "b.txt", "data", ".", "..", ""]), min_size=1, max_size=4).map("/".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@example({"../b.txt": b"x"}, "../b.txt", "whl")
@example({"../b.txt": b"x"}, "../b.txt", "tar.gz")
@example({"a": b"x"}, "a", "tar.gz")
@given(st.dictionaries(NAMES, st.binary(max_size=20), max_size=5), NAMES, st.sampled_from(["whl", "tar.gz"]))
def test_no_name_in_an_archive_decides_where_a_file_goes(
    tmp_path: Path, files: dict[str, bytes], member: str, ending: str
) -> None:
    """Whatever names an archive has, only the target is written, with the member's bytes; or nothing is."""
    archive = tmp_path / f"x.{ending}"
    if ending == "whl":
        with zipfile.ZipFile(archive, "w") as packed:
            for name in filter(None, files):  # A zip has no empty names.
                packed.writestr(zipfile.ZipInfo(name), files[name])
    else:
        with tarfile.open(archive, "w:gz") as bundle:
            for name, data in files.items():
                entry = tarfile.TarInfo(f"x-1/{name}")
                entry.size = len(data)
                bundle.addfile(entry, io.BytesIO(data))
    target = tmp_path / "out" / "target"
    target.unlink(missing_ok=True)
    before = sorted(tmp_path.rglob("*"))
    is_safe = bool(member) and not member.startswith("/") and ".." not in member.split("/")
    try:
        copy_member(archive, member, target)
    except (DataError, ValueError):
        assert not target.exists()
    else:
        assert is_safe
        assert target.read_bytes() == files[member]
        before = sorted({*before, target, target.parent})
    assert sorted(path for path in tmp_path.rglob("*") if path != target.parent) == [
        path for path in before if path != target.parent
    ]


@pytest.mark.parametrize("ending", ["whl", "tar.gz"])
def test_links_in_an_archive_are_no_files(tmp_path: Path, ending: str) -> None:
    """A symbolic link under the wanted name would hand out a file of this machine."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"key")
    archive = tmp_path / f"x.{ending}"
    if ending == "whl":
        with zipfile.ZipFile(archive, "w") as packed:
            info = zipfile.ZipInfo("data.jsonl")
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            packed.writestr(info, str(secret))
    else:
        with tarfile.open(archive, "w:gz") as bundle:
            for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                entry = tarfile.TarInfo("x-1/data.jsonl")
                entry.type, entry.linkname = kind, str(secret)
                bundle.addfile(entry)
    assert not has_member(archive, "data.jsonl")
    with pytest.raises(DataError, match=r"expected data\.jsonl in x"):
        copy_member(archive, "data.jsonl", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("cut", [0, 10, 80, 200])
@pytest.mark.parametrize("ending", ["whl", "tar.gz"])
def test_a_cut_archive_is_told(tmp_path: Path, ending: str, cut: int) -> None:
    """An archive that ends early is an error with its path, and leaves no file."""
    content = bytes(range(256)) * 40
    archive = tmp_path / f"x.{ending}"
    if ending == "whl":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("data.bin", content)
    else:
        with tarfile.open(archive, "w:gz") as bundle:
            entry = tarfile.TarInfo("x-1/data.bin")
            entry.size = len(content)
            bundle.addfile(entry, io.BytesIO(content))
    archive.write_bytes(archive.read_bytes()[:cut])
    for read in (sha256_of_member, lambda archive, member: copy_member(archive, member, tmp_path / "out")):
        with pytest.raises(DataError, match=r"expected (a whole archive|data\.bin)"):
            read(archive, "data.bin")
    assert not (tmp_path / "out").exists()


def test_flipped_bits_in_a_wheel_are_told(tmp_path: Path) -> None:
    """The checksum of a zip's member is checked before the file appears."""
    archive = tmp_path / "x.whl"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("data.bin", b"x" * 1000)
    content = archive.read_bytes()
    archive.write_bytes(content.replace(b"x" * 1000, b"x" * 999 + b"y"))
    with pytest.raises(DataError, match=r"expected a whole archive, found .*CRC"):
        copy_member(archive, "data.bin", tmp_path / "out")
    assert not (tmp_path / "out").exists()
