"""The failure to keep vectors. Apart from `vector_file`, so that a run without vectors loads no numpy."""

from __future__ import annotations

from pytest_modeleval.errors import ModelEvalError


class VectorFileError(ModelEvalError):
    """Vectors cannot be written. Going on would lose them, so the run stops."""
