r"""Reads units, currencies and number words around a number: `18 km/h`, `$18`, `18元`, `7 dozen`, `18\text{ cm}^2`.

Units with a known size are compared by size where both answers have one (10 cm, 0.1 m); every other word after a number
(apples, students, 个苹果) is a measure word and does not count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

SCALES = {
    **{"dozen": 12, "dozens": 12, "hundred": 100, "hundreds": 100, "thousand": 1_000, "thousands": 1_000},
    **{"million": 10**6, "millions": 10**6, "billion": 10**9, "billions": 10**9, "trillion": 10**12},
    **{"百": 100, "千": 1_000, "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8},
}
_MAGNITUDES = {"k": " thousand", "m": " million", "b": " billion"}
# A letter, or a mark of a script whose vowels are marks.
_LETTER = r"(?:[^\W\d_]|[\u0300-\u036f\u0900-\u0dff\u0e31-\u0e4e])"
# Words after a number that change the value or announce another one.
_NOT_UNITS = frozenset(
    [
        "pi",
        "sqrt",
        "log",
        "ln",
        "exp",
        "sin",
        "cos",
        "tan",
        "mod",
        "and",
        "or",
        "to",
        "squared",
        "cubed",
        "factorial",
        "plus",
        "minus",
        "times",
        "over",
        "divided",
        "half",
        "halves",
        "third",
        "thirds",
        "quarter",
        "quarters",
        "fifth",
        "fifths",
        "tenth",
        "tenths",
        "greater",
        "than",
        "not",
        "if",
        "is",
        "are",
        "was",
        "were",
        "but",
        "power",
        "percentage",
        "base",
        "root",
        "by",
        "equals",
        "approximately",
    ]
)
_NOT_UNITS_ZH = re.compile(r"以[上下内外]|半|\A[多余]")
_LENGTH, _MASS, _TIME, _VOLUME, _MONEY = "length", "mass", "time", "volume", "money"
_SIZES: dict[str, tuple[str, Fraction]] = {
    word: (dimension, Fraction(size))
    for dimension, rows in {
        _LENGTH: {
            "mm millimeter millimeters millimetre millimetres 毫米": "1/1000",
            "cm centimeter centimeters centimetre centimetres 厘米": "1/100",
            "dm 分米": "1/10",
            "m meter meters metre metres 米": "1",
            "km kilometer kilometers kilometre kilometres 千米 公里": "1000",
            "inch inches in": "127/5000",
            "ft foot feet": "381/1250",
            "yd yard yards": "1143/1250",
            "mi mile miles": "201168/125",
        },
        _MASS: {
            "mg milligram milligrams 毫克": "1/1000",
            "g gram grams 克": "1",
            "kg kilogram kilograms 千克 公斤": "1000",
        },
        _TIME: {
            "ms millisecond milliseconds": "1/1000",
            "s sec secs second seconds 秒": "1",
            "min mins minute minutes 分钟": "60",
            "h hr hrs hour hours 小时": "3600",
            "day days 天": "86400",
            "week weeks 周": "604800",
        },
        _VOLUME: {
            "ml milliliter milliliters millilitre millilitres 毫升": "1/1000",
            "l liter liters litre litres 升": "1",
        },
        _MONEY: {"$ dollar dollars usd": "1", "cent cents ¢": "1/100"},
    }.items()
    for words, size in rows.items()
    for word in words.split()
}
_LETTER_UNITS = "mgLlshJNWVAKTFC"
_CURRENCIES = [
    "USD",
    "EUR",
    "GBP",
    "JPY",
    "CNY",
    "RMB",
    "INR",
    "KRW",
    "AUD",
    "CAD",
    "CHF",
    "HKD",
    "SGD",
    "NZD",
    "RUB",
    "BRL",
    "MXN",
    "ZAR",
    "TRY",
    "THB",
    "IDR",
    "MYR",
    "PHP",
    "VND",
    "AED",
    "SAR",
    "PKR",
]
_CURRENCY_SIGN = r"(?:\$|US\$|HK\$|A\$|C\$|R\$|€|£|¥|₹|₩|₽|₺|₫|฿|₱|₪|₴|₦|¢)"
_PREFIX = re.compile(
    rf"(?P<sign>[-+]?\s*)(?:{_CURRENCY_SIGN}|(?:{'|'.join(_CURRENCIES)}|Rs\.?|\\text\s*\{{\s*(?:{_CURRENCY_SIGN}|Rs\.?|"
    rf"{'|'.join(_CURRENCIES)})\s*\}})(?![A-Za-z]))\s*(?=[-+.\d\\])"
)
# \text{ cm}, \mu\text{m}, \text{K}^{-1} inside of which an exponent may stand.
_TEXT = r"(?:\\mu\s*)?\\text\s*\{(?:[^{}]|\^\s*\{-?[1-4]\})*\}"
_SUFFIXES = (
    re.compile(
        r"(?P<text>\s*\^\s*\{?\s*\\circ\s*\}?\s*(?:[CFK]|\\text\s*\{\s*[CFK]\s*\})?|[kMmGµμ]?\\Omega)(?P<power>)\Z"
    ),
    re.compile(rf"\s*(?P<text>{_TEXT}(?:\s*(?:[/·]|\\cdot)?\s*{_TEXT})*)(?P<power>\s*\^\s*\{{?-?[1-4]\}}?)?\Z"),
    re.compile(rf"(?P<text>\s*{_CURRENCY_SIGN}(?:\s*/\s*[a-z]{{1,10}})?)(?P<power>)\Z"),
    re.compile(
        r"(?:\s*|-)(?P<text>(?:[a-z]\.){1,3}[a-z]\.?|[A-Za-z]{1,3}\s*(?:/|\\cdot)\s*\([A-Za-z\s]{1,10}\))(?P<power>)\Z"
    ),
    re.compile(r"\s+(?P<text>[A-Za-z]{1,3}\s*\\cdot\s*[A-Za-z]{1,3}(?:/[a-z])?)(?P<power>\s*\^\s*\{?-?[1-4]\}?)?\Z"),
    # In scripts without spaces a word follows the number at once.
    re.compile(r"\s*(?P<text>[⺀-鿿぀-ヿ가-힯]{1,10}(?:/[⺀-鿿]{1,6})?)(?P<power>)\Z"),
    # Up to seven words, separated by spaces, slashes, dots or hyphens.
    re.compile(
        rf"(?:\s+|(?<=[\d)}}])-?)(?P<text>{_LETTER}{{2,20}}(?:(?:\s*/\s*|\s*\\cdot\s*|\.?\s+|-){_LETTER}{{1,20}}){{0,6}})\.?"
        r"(?P<power>\s*\^\s*\{?-?[1-4]\}?|[23])?\s*\Z"
    ),
    re.compile(
        rf"(?:\s+|(?<=\d))(?P<text>[{_LETTER_UNITS}](?:\s*/\s*[{_LETTER_UNITS}]|\s*/\s*[^\W\d_]{{2,10}})?)"
        r"(?P<power>\s*\^\s*\{?-?[1-4]\}?)?\Z"
    ),
)


_CURRENCY_NAMES = {
    name: currency
    for currency, names in {
        "dollar": "$ us$ usd dollar dollars",
        "euro": "€ eur euro euros",
        "pound": "£ gbp pound pounds",
        "yen": "jpy yen",
        "yuan": "cny rmb yuan 元 人民币",
        "rupee": "₹ inr rs rupee rupees",
        "won": "₩ krw won",
    }.items()
    for name in names.split()
}


def are_other_currencies(first: str, second: str) -> bool:
    """True for two units that are money of different currencies. ¥ may be yen or yuan."""
    names = [_CURRENCY_NAMES.get(text.casefold().strip(". ")) for text in (first, second)]
    return None not in names and names[0] != names[1]


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit or measure word after a number."""

    text: str
    dimension: tuple[tuple[str, int], ...] = ()
    """The dimension of a unit of known size, such as (("length", 1), ("time", -1)); empty for every other word."""
    size: Fraction = Fraction(1)
    scale: int = 1
    """The factor of a number word: 12 for dozen."""
    power: int = 1
    """The exponent after the unit: 2 for cm^2."""


def _split_prefix(text: str) -> tuple[str, str]:
    """Return the rest of a text and the unit in front of its number, such as a currency; "" if there is none."""
    prefix = _PREFIX.match(text)
    if prefix is None:
        return text, ""
    rest = prefix["sign"].strip() + text[prefix.end() :]
    rest = re.sub(r"(?<=\d)\s*(?:/|per )\s*[a-z]{1,10}\Z", "", rest)
    rest = re.sub(r"(?<=\d)([kKMB])\Z", lambda found: _MAGNITUDES[found[1].lower()], rest)
    return rest, text[: prefix.end()].strip(" -+")


def split_unit(text: str) -> tuple[str, Unit] | None:
    """Split a text into the number and what is written around it as a unit; None if there is no unit."""
    rest, words = _split_prefix(text)
    power = ""
    for pattern in _SUFFIXES:
        found = pattern.search(rest)
        if found is not None and rest[: found.start()].strip():
            text_words = _plain(found["text"])
            if _NOT_UNITS.intersection(re.findall(r"[a-z]+", text_words.lower())) or _NOT_UNITS_ZH.search(text_words):
                return None
            words = f"{text_words} {words}".strip()
            power = re.sub(r"[^\d\-]", "", found["power"] or "")
            rest = rest[: found.start()].strip()
            break
    return (rest, _read_unit(words, int(power or 1))) if words else None


def _plain(text: str) -> str:
    return re.sub(r"\\text\s*\{([^{}]*)\}", r"\1", text).replace("\\cdot", " ").strip()


def _read_unit(words: str, power: int) -> Unit:
    scale = 1
    rest = words
    for _ in range(2):
        first = re.match(r"\s*([a-z]+|(?:百(?!分)|千(?![米克瓦卡赫帕焦伏])|[万萬亿億]))", rest.lower())
        if first is None or first[1] not in SCALES:
            break
        scale *= SCALES[first[1]]
        rest = rest[first.end() :]
    dimension, size = _measure(rest.strip(), power)
    return Unit(words, dimension, size, scale, power)


def _measure(words: str, power: int) -> tuple[tuple[tuple[str, int], ...], Fraction]:
    """Return dimension and size of a unit, both empty where a word in it has no known size."""
    words = words.replace(".", "").strip()
    words = words.lower() if words not in ("M",) else words
    for prefix, exponent in (("square ", 2), ("sq ", 2), ("cubic ", 3), ("cu ", 3), ("平方", 2), ("立方", 3)):
        if words.startswith(prefix):
            words, power = words.removeprefix(prefix), exponent
    above, *below = re.split(r"\s*/\s*|\s+per\s+", words)
    dimensions: dict[str, int] = {}
    size = Fraction(1)
    for word, exponent in [(above, power), *((word, -1) for word in below)]:
        if word not in _SIZES:
            return (), Fraction(1)
        name, factor = _SIZES[word]
        if name == _VOLUME:
            # A litre is a thousandth of a cubic metre.
            size *= (factor / 1000) ** exponent
            dimensions[_LENGTH] = dimensions.get(_LENGTH, 0) + 3 * exponent
        else:
            size *= factor**exponent
            dimensions[name] = dimensions.get(name, 0) + exponent
    return tuple(sorted(dimensions.items())), size
