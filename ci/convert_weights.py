"""Converts a GGUF file to a Hugging Face folder, with the packages of the engine's environment.

python convert_weights.py FOLDER FILE.gguf OUT
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

# Installed only where an engine is.
torch: Any = importlib.import_module("torch")
transformers: Any = importlib.import_module("transformers")


def convert(folder: str, name: str, out: str) -> None:
    """Write weights in bfloat16, the tokenizer and its chat template."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, gguf_file=name)
    # Without this, transformers 5 keeps the weights packed and refuses to save them.
    unpack = transformers.GgufConfig(dequantize=True)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=name, dtype=torch.bfloat16, quantization_config=unpack
    )
    model.save_pretrained(out, safe_serialization=True)
    tokenizer.save_pretrained(out)


if __name__ == "__main__":
    convert(*sys.argv[1:4])
