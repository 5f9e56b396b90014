"""One file out of a wheel (zip) or sdist (tar): only regular files, only the one that was asked for.

Nothing of an archive decides where a file is written: the target is the caller's, so no name in it can climb out.
"""

from __future__ import annotations

import hashlib
import shutil
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from pytest_modeleval.errors import DataError
from pytest_modeleval.fetch.cache import cache_file, unwritable

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Iterator

MAX_MEMBER_BYTES = 4 << 30
ENDINGS = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


def copy_member(archive: Path, member: str, target: Path) -> None:
    """Write one file of the archive to target, whole or not at all. Raises DataError if it is not there."""
    with _opened(archive, member) as stream, cache_file(target) as temporary:
        try:
            with temporary.open("wb") as sink:
                shutil.copyfileobj(stream, sink, 1 << 20)
        except OSError as error:
            if error.filename is None and error.errno is None:
                raise  # The archive's own fault (a bad checksum), reported by _opened.
            raise unwritable(target, error) from error


def sha256_of_member(archive: Path, member: str) -> str:
    """The sha256 of one file of the archive."""
    digest = hashlib.sha256()
    with _opened(archive, member) as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def has_member(archive: Path, member: str) -> bool:
    """True if the archive holds a regular file of this name."""
    return member in _names(archive)


@contextmanager
def _opened(archive: Path, member: str) -> Iterator[IO[bytes]]:
    import tarfile  # noqa: PLC0415 (paid by those who fetch)
    import zipfile  # noqa: PLC0415
    import zlib  # noqa: PLC0415

    parts = PurePosixPath(member).parts
    if not member or "\\" in member or member.startswith("/") or ".." in parts:
        raise ValueError(f"expected a relative path inside an archive, found {member!r}")
    try:
        stored = _stored_name(archive, member)
        if archive.suffix in (".whl", ".zip"):
            with zipfile.ZipFile(archive) as packed:
                info = packed.getinfo(stored)
                _check_size(info.file_size, archive, member)
                with packed.open(info) as stream:
                    yield stream
        else:
            with tarfile.open(archive) as bundle:
                entry = bundle.getmember(stored)
                _check_size(entry.size, archive, member)
                unpacked = bundle.extractfile(entry)
                assert unpacked is not None
                with unpacked:
                    yield unpacked
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, NotImplementedError) as error:
        raise _damaged(archive, error) from error


def _stored_name(archive: Path, member: str) -> str:
    """The name that a member has in the archive. Raises DataError with similar names where it is not there."""
    import difflib  # noqa: PLC0415 (only for a mistake)

    names = _names(archive)
    if member not in names:
        similar = difflib.get_close_matches(member, names, n=4, cutoff=0.5) or sorted(names)[:4]
        raise DataError(f"expected {member} in {archive.name}, found {', '.join(similar) or 'no file'}")
    return names[member]


def _names(archive: Path) -> dict[str, str]:
    """Wanted name -> stored name, of regular files only: links, devices and folders are not files of ours."""
    import tarfile  # noqa: PLC0415
    import zipfile  # noqa: PLC0415

    try:
        if archive.suffix in (".whl", ".zip"):
            with zipfile.ZipFile(archive) as packed:
                entries = [info.filename for info in packed.infolist() if _is_regular(info)]
        else:
            with tarfile.open(archive) as bundle:
                entries = [entry.name for entry in bundle if entry.isreg()]
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
        raise _damaged(archive, error) from error
    is_sdist = not archive.name.endswith(".whl")
    # An sdist keeps everything below <name>-<version>/.
    return {(name.partition("/")[2] if is_sdist else name): name for name in entries}


def _is_regular(info: zipfile.ZipInfo) -> bool:
    import stat  # noqa: PLC0415

    return not info.is_dir() and stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG)


def _check_size(size: int, archive: Path, member: str) -> None:
    if size > MAX_MEMBER_BYTES:
        raise DataError(f"expected at most {MAX_MEMBER_BYTES} bytes for {member}, found {size}, in {archive}")


def _damaged(archive: Path, error: Exception) -> DataError:
    return DataError(f"expected a whole archive, found {error}, at {archive}; delete it to fetch it again")
