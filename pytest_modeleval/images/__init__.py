"""Pictures of a question: read from rows, bounded, known by their bytes, never decoded and never encoded anew."""

from pytest_modeleval.images.image import DataURL, Image, image_part

__all__ = ["DataURL", "Image", "image_part"]
