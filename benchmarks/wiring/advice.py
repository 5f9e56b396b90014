"""What a failing subset usually means. Shown under the table of scores."""

from pytest_modeleval import Advice

_WEIGHTS = "are these the weights, the quantization and the chat template that were meant?"

ADVICE: dict[str, str | Advice] = {
    "chat_template": (
        "the model is fed through another chat template than its own: compare the served one (--chat-template) with "
        "tokenizer_config.json, and its end tokens with generation_config.json."
    ),
    "stop": (
        "stop words do not reach the sampler, or come back in the text: look for a proxy that drops `stop`, and for "
        "no_stop_trim or include_stop_str_in_output."
    ),
    "max_tokens": "the limit is not kept: look for a proxy or a server default that overrides max_tokens.",
    "finish_reason": (
        "cut replies cannot be told from whole ones, so they would be counted as wrong answers: update the server, or "
        "the proxy that rewrites finish_reason."
    ),
    "usage": "tokens are not counted, or wrongly: update the server, and let the proxy pass stream_options through.",
    "reasoning": (
        "thinking is mixed with the answer, or the answer with the thinking: set --reasoning-parser to the one that "
        "belongs to this model, or remove it if the model does not think."
    ),
    "tool_call": (
        "tool calls come back as text or not at all: is --tool-call-parser set to the one that belongs to this model, "
        "and does its chat template have a section for tools?"
    ),
    "json_schema": (
        "schemas are not enforced: look at --grammar-backend (SGLang), the structured-outputs backend (vLLM), and "
        "for a proxy that drops response_format."
    ),
    "sampling": (
        "temperature or top_p do not reach the sampler: look for a proxy that drops them and for overrides on the "
        "server. One text that differs now and then is batching, not a fault."
    ),
    "seed": (
        "seeds are not kept, so a sampled answer cannot be made again (scores stay valid): SGLang keeps them only with "
        "--enable-deterministic-inference, and on other servers batching can change a text."
    ),
    "streaming": (
        "streamed replies are not what whole replies are: pieces are lost, doubled or cut within a character, most "
        "often by a proxy, or by a parser that works on pieces."
    ),
    "long_context": (
        "long prompts are cut, refused or not read: compare --context-length (max_model_len) and RoPE scaling with the "
        "model's config.json, and leave --allow-auto-truncate off."
    ),
    "cross_talk": (
        "replies reach the wrong request, or requests see each other's text: trust no score of this server; look at "
        "the prefix cache and at proxies that merge or cache requests."
    ),
    # Four options each, decimals two: at these scores and below, guesses explain the answers.
    "arithmetic": Advice(f"sums are no better than guessed: {_WEIGHTS}", below=0.5),
    "letters": Advice(f"answers on letters are no better than guessed: {_WEIGHTS}", below=0.5),
    "decimals": Advice(f"comparisons of decimals are no better than guessed: {_WEIGHTS}", below=0.6),
    "knowledge": Advice(f"answers on common knowledge are no better than guessed: {_WEIGHTS}", below=0.5),
}
