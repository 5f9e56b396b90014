"""Which pictures of a run stand in the page itself: small ones, so that a page that is sent alone shows some.

All others are shown from the run folder, in which the page lies. A page is to stay a file that mail takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

ReadImage = Callable[[str], "bytes | None"]
MOST_BYTES = 32 * 1024
"""Of one picture."""
MOST_TOTAL_BYTES = 1024 * 1024
_FOLDER = "images/"


class SmallImages:
    """Takes note of the small pictures of samples as they pass by, up to the sum of their sizes."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}
        self._left = MOST_TOTAL_BYTES

    def collected(self, samples: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """The samples (SampleRecord.to_json), unchanged."""
        for sample in samples:
            for exchange in sample.get("exchanges") or ():
                for image in exchange.get("images") or ():
                    self._add(str(image["file"]).removeprefix(_FOLDER), image["bytes"])
            yield sample

    def _add(self, name: str, size: int) -> None:
        if name not in self._names and size <= min(MOST_BYTES, self._left):
            self._names[name] = None
            self._left -= size

    def chosen(self, read_image: ReadImage) -> Iterator[tuple[str, bytes]]:
        """(hash and ending, bytes) of the pictures that are there and as small as the journal says."""
        for name in self._names:
            data = read_image(name)
            if data is not None and len(data) <= MOST_BYTES:
                yield name, data
