"""The user's own RAG pipeline: asking it, and measuring its contexts and answers."""

from pytest_modeleval.rag.pipeline import Pipeline
from pytest_modeleval.rag.profile import RagProfile
from pytest_modeleval.rag.reading import read_answer

__all__ = ["Pipeline", "RagProfile", "read_answer"]
