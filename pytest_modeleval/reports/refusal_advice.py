"""What helps where a server refuses requests: cause -> what it means and what to do."""

from __future__ import annotations

from collections.abc import Mapping

ADVICE: Mapping[str, str] = {
    "context_exceeded": (
        "context_exceeded: prompts are longer than the server's context. Serve the model with a longer one; where a "
        "benchmark shows worked examples, ask with fewer of them, as another experiment (--eval-option NAME.shots=0; "
        "`modeleval benchmarks NAME` lists the options)."
    ),
    "images_not_supported": (
        "images_not_supported: the server takes no pictures. Serve a model that sees them (llama.cpp needs its "
        "--mmproj file), or leave these benchmarks out with -k."
    ),
    "image_too_large": (
        "image_too_large: pictures are larger than the server is set up for, and are never scaled here, since that "
        "would be another experiment. Start vLLM with more room, such as --limit-mm-per-prompt "
        '\'{"image": {"count": 1, "width": 4096, "height": 4096}}\' and a larger --max-num-batched-tokens.'
    ),
    "too_many_images": (
        "too_many_images: questions have more pictures than the server takes in one request. Start vLLM with "
        "--limit-mm-per-prompt '{\"image\": 8}', SGLang with --limit-mm-data-per-request."
    ),
    "image_undecodable": (
        "image_undecodable: the server cannot decode pictures of this format (llama.cpp reads no WebP), or they are "
        "damaged. `modeleval show RUN --kind server_error` names the questions."
    ),
    "http_413": (
        "http_413: requests are larger than the server or a proxy in front of it takes, as with pictures of megabytes. "
        "Raise its limit (nginx: client_max_body_size)."
    ),
}
