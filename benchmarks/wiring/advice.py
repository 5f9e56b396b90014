"""The usual reasons of a failing subset, by its causes. Shown under the table of scores."""

from pytest_modeleval import Advice

_WEIGHTS = "are these the intended weights, quantization and chat template?"
_PARSER = (
    "is --tool-call-parser set to the one that belongs to this model, and does its chat template have a section for "
    "tools?"
)
_STRICT = (
    "the call is forced but its arguments are not: the engine does not enforce them for this tool parser, even with "
    '"strict": true.'
)

ADVICE: dict[str, str | Advice] = {
    "chat_template": (
        "the model is fed through another chat template than its own: compare the served one (--chat-template) with "
        "tokenizer_config.json, and its end tokens with generation_config.json."
    ),
    "stop": (
        "stop words do not reach the sampler, or are part of the text: look for a proxy that drops `stop`, and for "
        "no_stop_trim or include_stop_str_in_output."
    ),
    "max_tokens": "the limit is not kept: look for a proxy or a server default that overrides max_tokens.",
    "finish_reason": (
        "cut and complete replies look alike, so cut ones would be counted as wrong answers: update the server, or "
        "the proxy that rewrites finish_reason."
    ),
    "usage": "tokens are not counted, or wrongly: update the server, and let the proxy pass stream_options through.",
    "reasoning": Advice(
        "",
        by_cause={
            "think_tag_in_answer": "thinking is mixed with the answer: set --reasoning-parser to the one that belongs "
            "to this model.",
            "answer_in_thinking": "the answer is taken for thinking: set --reasoning-parser to the one that belongs to "
            "this model (minimax_m2 on vLLM, where minimax_m2_append_think loses the end of thinking when tools are "
            "offered), or remove it if the model does not think.",
        },
    ),
    "tool_call": Advice(
        "",
        by_cause={
            "call_as_text": f"tool calls come back as text: {_PARSER}",
            "tool_choice_ignored": f"tool_choice is not enforced: {_PARSER}",
            "refused_http_400": "requests with tools are refused: vLLM needs --enable-auto-tool-choice and "
            "--tool-call-parser.",
            "arguments_no_object": _STRICT,
            "tool_result_lost": "results of tools do not reach the prompt: does the chat template have a section for "
            "tools?",
            "wrong_finish_reason": "calls arrive with another finish_reason than tool_calls: update the server.",
        },
    ),
    "json_schema": Advice(
        "",
        by_cause={
            "no_json": "schemas are not enforced: look at --grammar-backend (SGLang), the structured-outputs backend "
            "(vLLM), and for a proxy that drops response_format.",
            "schema_violated": "schemas are enforced in part: look at --grammar-backend (SGLang) or the "
            "structured-outputs backend (vLLM).",
            "refused_http_400": "requests with a schema are refused: is a grammar backend installed and enabled?",
            "endless_white_space": "the grammar allows any white space, and the model does not end it: "
            "--constrained-json-disable-any-whitespace (SGLang), or on vLLM --structured-outputs-config "
            '\'{"backend": "xgrammar", "disable_any_whitespace": true}\'.',
            "cut_at_max_tokens": "replies are cut before the answer begins, and a grammar begins only after the "
            "thinking: is a reasoning parser set for a model that does not think?",
        },
    ),
    "sampling": (
        "temperature or top_p do not reach the sampler: look for a proxy that drops them and for overrides on the "
        "server. One text that differs now and then is batching, not a fault."
    ),
    "seed": (
        "seeds are not kept, so a sampled answer cannot be reproduced (scores stay valid): SGLang keeps them only with "
        "--enable-deterministic-inference, and on other servers batching can change a text."
    ),
    "streaming": (
        "streamed and whole replies differ: pieces are lost, doubled or cut within a character, most often by a proxy, "
        "or by a parser that works on pieces."
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
    "arithmetic": Advice(f"sums are no better than guesses: {_WEIGHTS}", below=0.5),
    "letters": Advice(f"answers on letters are no better than guesses: {_WEIGHTS}", below=0.5),
    "decimals": Advice(f"comparisons of decimals are no better than guesses: {_WEIGHTS}", below=0.6),
    "knowledge": Advice(f"answers on common knowledge are no better than guesses: {_WEIGHTS}", below=0.5),
}
