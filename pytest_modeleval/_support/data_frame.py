"""Rows as a pandas.DataFrame. pandas is imported when the first one is made: it takes half a second."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pytest_modeleval._support.extras import missing_extra

# With a mark of their own for what is missing, so that counts stay whole numbers.
_TYPES = {str: "string", int: "Int64", float: "float64", bool: "boolean"}


def data_frame(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, type]) -> Any:
    """A pandas.DataFrame of these columns. Raises ImportError, whose text has the command that installs pandas."""
    if missing := missing_extra("export", ("pandas",)):
        raise ImportError(missing)
    import pandas  # noqa: PLC0415 - see above

    frame = pandas.DataFrame(list(rows), columns=list(columns))
    return frame.astype({name: _TYPES[kind] for name, kind in columns.items()})
