r"""Gives LaTeX, Unicode and plain text one spelling: `½` and `\dfrac12` become `\frac{1}{2}`."""

from __future__ import annotations

import re
import unicodedata

_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱ", "0123456789+-()ni", strict=True))
_SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
_SIGNS = {
    **{ord(sign): "-" for sign in "−–‐‑‒﹣－"},
    **{ord(sign): " " for sign in "\u00a0\u2002\u2003\u2004\u2005\u2007\u2008\u2009\u200a\u202f\u3000\t\n\r"},
    **{ord(sign): "" for sign in "\u200b\u200c\u200d\u2060\ufeff"},
    **{ord(sign): r"\cdot " for sign in "·⋅•∙"},
    **{ord(sign): r"\varnothing " for sign in "∅⌀"},
    **{ord(sign): "'" for sign in "’′ʼ"},
    **{ord(sign): '"' for sign in "“”″«»„"},
    **{code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F) if code != 0xFF0D},
    **{
        ord(sign): command
        for sign, command in {
            "×": r"\times ",
            "÷": "/",
            "∕": "/",
            "⁄": "/",
            "∗": "*",
            "π": r"\pi ",
            "𝜋": r"\pi ",
            "∞": r"\infty ",
            "≤": r"\le ",
            "≥": r"\ge ",
            "≦": r"\le ",
            "≧": r"\ge ",
            "≠": r"\neq ",
            "≈": r"\approx ",
            "±": r"\pm ",
            "∪": r"\cup ",
            "∈": r"\in ",
            "°": r"^\circ ",
            "℃": r"^\circ C",
            "℉": r"^\circ F",
            "\u2126": r"\Omega ",
            "\u03a9": r"\Omega ",
            "⌊": r"\lfloor ",
            "⌋": r"\rfloor ",
            "⌈": r"\lceil ",
            "⌉": r"\rceil ",
            "∶": ":",
            "、": ", ",
            "。": ".",
            "⟨": r"\langle ",
            "⟩": r"\rangle ",
            "α": r"\alpha ",
            "β": r"\beta ",
            "γ": r"\gamma ",
            "δ": r"\delta ",
            "∠": r"\angle ",
            "△": r"\triangle ",
            "ℝ": r"\mathbb{R}",
            "ℤ": r"\mathbb{Z}",
            "ℕ": r"\mathbb{N}",
            "θ": r"\theta ",
            "λ": r"\lambda ",
            "φ": r"\phi ",
            "ω": r"\omega ",
        }.items()
    },
}
_TEXT_COMMANDS = "text|textbf|textrm|textit|texttt|textsf|textsc|textnormal|mbox|hbox|mathrm|mathit|operatorname|emph"
_MATH_COMMANDS = (
    "mathbf|boldsymbol|bm|underline|boxed|fbox|framebox|mathsf|mathtt|mathnormal|ensuremath|underbrace|cancel|pmb"
    "|bbox|uline|mathcal|vec|overrightarrow|hat|widehat"
)
# \operatorname{ln} and \mathrm{e} are what \ln and e are.
_UPRIGHT = re.compile(
    r"\\(?:mathrm|mathit|operatorname|text|textrm)\*?\s*\{\s*(?:(arc(?:sin|cos|tan)|(?:sin|cos|tan)h?|cot|csc|ln|log|lg|exp)"
    r"|([ei]))\s*\}"
)
_BASE = re.compile(r"\A(-?[0-9A-F]+(?:\.[0-9A-F]+)?)\s*\(?\s*(?:in\s+)?base[\s-]*(\d{1,2})\s*\)?\Z")
_TO = re.compile(r"\A(\d+(?:\.\d+)?)\s*(?:\\text\s*\{\s*to\s*\}|\bto\b)\s*(\d+(?:\.\d+)?)\Z")
_OUTWARD = re.compile(r"\A([\[\]])([^\[\]]+[,;][^\[\]]+)([\[\]])\Z")
_RENAMED = {
    **dict.fromkeys(("dfrac", "tfrac", "cfrac"), r"\frac"),
    **dict.fromkeys(("dbinom", "tbinom"), r"\binom"),
    **dict.fromkeys(("leq", "leqslant", "leqq"), r"\le"),
    **dict.fromkeys(("geq", "geqslant", "geqq"), r"\ge"),
    **dict.fromkeys(("ne", "not="), r"\neq"),
    **dict.fromkeys(("emptyset",), r"\varnothing"),
    **dict.fromkeys(("lt",), "<"),
    **dict.fromkeys(("gt",), ">"),
    **dict.fromkeys(("lbrace",), r"\{"),
    **dict.fromkeys(("rbrace",), r"\}"),
    **dict.fromkeys(("lbrack",), "["),
    **dict.fromkeys(("rbrack",), "]"),
    **dict.fromkeys(("degree", "degrees"), r"^\circ"),
    **dict.fromkeys(("vert", "lvert", "rvert", "mid"), "|"),
    **dict.fromkeys(("ast",), "*"),
    **dict.fromkeys(("div",), "/"),
    **dict.fromkeys(("varphi",), r"\phi"),
    **dict.fromkeys(("imath",), "i"),
    **dict.fromkeys(("jmath",), "j"),
    **dict.fromkeys(("equiv",), "="),
    **dict.fromkeys(("varepsilon",), r"\epsilon"),
    **dict.fromkeys(("simeq", "sim"), r"\approx"),
    **dict.fromkeys(("lor",), r"\text{ or }"),
    **dict.fromkeys(("land",), r"\text{ and }"),
}
_REMOVED = frozenset(
    [
        "left",
        "right",
        "big",
        "Big",
        "bigg",
        "Bigg",
        "bigl",
        "bigr",
        "Bigl",
        "Bigr",
        "biggl",
        "biggr",
        "displaystyle",
        "textstyle",
        "limits",
        "nolimits",
        "therefore",
        "bf",
        "rm",
        "it",
        "tt",
    ]
)
_SIZES = frozenset(
    ("tiny", "small", "normalsize", "large", "Large", "LARGE", "huge", "Huge", "scriptstyle", "checkmark")
)
_SPACES = frozenset(("quad", "qquad", "thinspace", "medspace", "space", "enspace", "hfill", "par", "newline"))
_COMMAND = re.compile(r"\\\\|\\not=|\\([A-Za-z]+)|\\([,;:!> ()\[\]])")
# Text of this kind has one spelling already.
_PLAIN = re.compile(r"(?!.*(?:\.\.|root|choose|PI|Pi|\.\d{3}\.|inus |egative | base| to ))[A-Za-z0-9 .,:/+=-]*\Z")
_REPEATED_DOT = re.compile(r"(\d*\.\d*)((?:\\dot\s*\{?\d\}?)+)")


def normalise_notation(text: str) -> str:
    r"""Return the text in one spelling, without math delimiters, spacing commands, colours and type faces.

    Text commands all become `\text{...}`. Spaces that separate digits are kept: "1 3" does not become 13.
    """
    if _PLAIN.match(text):
        return " ".join(text.split())
    text = _spell_scripts(text).translate(_SIGNS)
    text = _spell_fractions(text)
    text = re.sub(r"(?<![A-Za-z])(?:US|HK|NZ|[ACRS])?\\\$", "USD ", text)
    if text.count("$") == 1:
        # Two of them enclose a formula, a single one is a currency.
        text = re.sub(r"(?<![A-Za-z])(?:US|HK|NZ|[ACRS])?\$", "USD ", text)
    # A thousands separator may be followed by a negative space and a line break or space.
    text = re.sub(r"(\{,\}|,)\\!\s*|\s*\{\s*,\s*\}", ",", text).replace("\\%", "%")
    text = re.sub(
        r"\\(?:text)?color\s*(?:\[[^\]]*\])?\s*\{[^{}]*\}|\\[hv]space\*?\s*\{[^{}]*\}|\\tag\s*\{[^{}]*\}", "", text
    )
    text = re.sub(
        r"\\f?colorbox\s*\{[^{}]*\}(?:\s*\{[^{}]*\}(?=\s*\{))?|\\phantom\s*\{[^{}]*\}|\\#|\\\\\s*\Z", "", text
    )
    text = _spell_plain(text)
    text = _UPRIGHT.sub(lambda found: f"\\{found[1]} " if found[1] else found[2], text)
    text = _COMMAND.sub(_respell, text)
    text = re.sub(r"\\overline\s*\{\s*([A-Z]{2,4})\s*\}", r"\1", text)
    text = re.sub(r"\\pmod\s*(\w)", r"\\pmod{\1}", text)
    text = re.sub(rf"\\(?:{_TEXT_COMMANDS})\*?(?![A-Za-z])\s*(?=\{{)", r"\\text", text)
    text = re.sub(rf"\\(?:{_MATH_COMMANDS})(?![A-Za-z])\s*(?:\[[^\]]*\])*", "", text)
    text = re.sub(r"√\s*(\d+(?:\.\d+)?|[A-Za-z](?![A-Za-z]))", r"\\sqrt{\1}", text).replace("√", "\\sqrt ")
    text = re.sub(r"∛\s*(\d+(?:\.\d+)?|[A-Za-z](?![A-Za-z]))", r"\\sqrt[3]{\1}", text)
    text = _REPEATED_DOT.sub(lambda found: found[1] + "\\overline{" + re.sub(r"\D", "", found[2]) + "}", text)
    # The list goes on: its end is no full stop.
    text = re.sub(r",\s*(?:\.\.\.|…|\\[lc]?dots)[\s.]*\Z", r", \\dots", text)
    text = _OUTWARD.sub(_turn_brackets, _TO.sub(r"\1:\2", text.strip()))
    text = re.sub(r"\\text\{\s*\}|\*\*(?=\s*\Z)|^\s*\*\*|`|(?<!\\)\$|~", " ", text)
    return _without_braces(re.sub(r"\s+", " ", text).strip())


def _without_braces(text: str) -> str:
    """Remove braces around the whole text, which type faces and colours leave; {1, 2} keeps them."""
    while text.startswith("{") and text.endswith("}"):
        depth, has_comma = 0, False
        for index, sign in enumerate(text):
            depth += (sign in "{([") - (sign in "})]")
            has_comma = has_comma or (sign == "," and depth == 1)
            if depth == 0 and index < len(text) - 1:
                return text
        if has_comma:
            return text
        text = text[1:-1].strip()
    return text


def canonical_text(text: str) -> str:
    """Return normalised notation without spaces, except between digits; words without regard to case."""
    text = re.sub(r"\s+", " ", without_text_commands(text)).strip(" .,;:\"'")
    single = re.fullmatch(r"[\[({]?\s*([A-Za-z])\s*[\])}.:]*", text)
    if single:
        return single[1]
    is_prose = "\\" not in text and re.fullmatch(r"[^\W\d_]{2,}(?:[\s\-'][^\W\d_]+)*", text) is not None
    if is_prose:
        return text.casefold()
    return re.sub(r"(?<![\d.])\s+|\s+(?![\d.])", "", text)


def without_text_commands(text: str) -> str:
    r"""Return the text with a for \text{a}."""
    return re.sub(r"\\text\s*\{([^{}]*)\}", r" \1 ", text)


def _respell(found: re.Match[str]) -> str:
    if found[0] in ("\\\\", "\\cr"):
        return "\\\\"
    if found[0] == "\\not=":
        return r"\neq "
    if found[2] is not None:
        return "" if found[2] == "!" else " "
    name = found[1]
    if name in _SPACES:
        return " "
    if name in _REMOVED or name in _SIZES:
        return ""
    # A renamed sign such as \lt is no command any more; the space keeps a command apart from a letter after it.
    renamed = _RENAMED.get(name)
    return found[0] if renamed is None else renamed + (" " if renamed[-1].isalpha() else "")


def _spell_scripts(text: str) -> str:
    """Turn runs of superscript and subscript characters into ^{...} and _{...}."""
    for marks, sign in ((_SUPERSCRIPTS, "^"), (_SUBSCRIPTS, "_")):
        text = re.sub(
            f"[{''.join(marks)}]+",
            lambda found, marks=marks, sign=sign: f"{sign}{{{''.join(marks[mark] for mark in found[0])}}}",  # type: ignore[misc]
            text,
        )
    return text


def _spell_plain(text: str) -> str:
    """Turn plain notation into LaTeX: 1.5 x 10^6, 0.333..., 0.(3), log10(x), square root of 5, 5 choose 2.

    Marks that separate thousands (1'234'567, 1.234.567), end marks, ticks and remains of bold type are removed.
    """
    text = re.sub(
        r"(?<![\w.,'])\d{1,3}(?:'\d{3}){1,6}(?![\d'])|(?<![\w.,])\d{1,3}(?:_\d{3}){1,6}(?![\d_])", _digits, text
    )
    text = re.sub(r"(?<![\w.,])\d{1,3}(?:\.\d{3}){2,6}(?![\d.])", _digits, text)
    text = re.sub(r"(?:[\s✓✔✅☑🎉👍🙂😊]|:-?\))+\Z|\A<(?=[^<>=,]{1,40}>\Z)", "", text)
    text = re.sub(r"\A([^<>=,|]{1,40})(?:>| \|)\Z", r"\1", text)
    text = re.sub(r"(\d*\.\d*?)((?:\d\u0305)+)", lambda found: f"{found[1]}\\overline{{{_digits(found, 2)}}}", text)
    text = re.sub(r"(\.\d*)\\bar\s*\{?(\d+)\}?", r"\1\\overline{\2}", text)
    text = re.sub(r"\b(?:the )?square root of (\w+|\([^()]*\))", r"\\sqrt{\1}", text, flags=re.IGNORECASE)
    text = re.sub(r"\b(?:the )?cube root of (\w+|\([^()]*\))|\bcbrt\(([^()]*)\)", _cube_root, text, flags=re.IGNORECASE)
    text = re.sub(r"\b(\d{1,6}) choose (\d{1,6})\b|\bC\((\d{1,6}),\s*(\d{1,6})\)", _binomial, text)
    text = re.sub(r"\b(floor|ceil)\(([^()]*)\)", lambda found: f"\\l{found[1]} {found[2]}\\r{found[1]} ", text)
    text = re.sub(r"\b(?:math|np|numpy|sympy)\.(?=[a-z])", "", text)
    text = re.sub(r"(?<![A-Za-z\\])(?:PI|Pi)(?![A-Za-z])", "pi", text)
    text = re.sub(r"(?<=\d)\s*[xX]\s*(?=10\s*(?:\^|\*\*))", r" \\times ", text)
    text = re.sub(r"(\d*\.\d*?)(\d)\2{2,}\s*(?:\.\.\.|…|\\[lc]?dots)", r"\1\\overline{\2}", text)
    text = re.sub(r"(\d*\.\d*)\((\d+)\)", r"\1\\overline{\2}", text)
    text = re.sub(r"\blog_?(\d+)\s*(?=\()", r"\\log_{\1}", text)
    text = re.sub(r"(?<![\w)])\*\*([^*]+)\*\*(?![\w(])", r"\1", text)
    text = re.sub(r"(?:\\(?:mathrm|text)\s*\{C\}|\bC)_\{?(\d{1,4})\}?\^\{?(\d{1,4})\}?(?!\w)", r"\\binom{\1}{\2}", text)
    text = re.sub(r"\A(?:minus|negative)\s+(?=[\d.\\])", "-", text, flags=re.IGNORECASE)
    text = _BASE.sub(r"\1_\2", text.strip())
    return re.sub(r"(?<=\S)\*\*(?=\s+[A-Za-z]{2}|\s*\Z)", "", text)


def _turn_brackets(found: re.Match[str]) -> str:
    """Write ]0, 1] as (0, 1], where a bracket that points outward excludes its end; [0, 1] stays."""
    return f"{'[' if found[1] == '[' else '('}{found[2]}{']' if found[3] == ']' else ')'}"


def _digits(found: re.Match[str], group: int = 0) -> str:
    return re.sub(r"\D", "", found[group])


def _cube_root(found: re.Match[str]) -> str:
    return f"\\sqrt[3]{{{found[1] or found[2]}}}"


def _binomial(found: re.Match[str]) -> str:
    return f"\\binom{{{found[1] or found[3]}}}{{{found[2] or found[4]}}}"


def _spell_fractions(text: str) -> str:
    """Turn one-character fractions into LaTeX."""
    for sign in {sign for sign in text if unicodedata.category(sign) == "No"}:
        parts = unicodedata.normalize("NFKC", sign).split("⁄")
        if len(parts) == 2 and parts[0].isdecimal() and parts[1].isdecimal():
            text = text.replace(sign, f"\\frac{{{parts[0]}}}{{{parts[1]}}}")
    return text
