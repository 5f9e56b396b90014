"""What needs a package of the extra [instructions]: sentences, tokens, stop words, syllables, emoji, languages, verbs.

Every package is imported at its first use. The results depend on the text alone: langdetect, which draws at random and
builds its model without a lock, is seeded here.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import re
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pytest_modeleval._support.extras import missing_extra

from .arguments import ungraded
from .nltk_files import PUNKT, STOP_WORDS, read_lines
from .texts import word_runs

if TYPE_CHECKING:
    from nltk.tokenize.destructive import NLTKWordTokenizer
    from nltk.tokenize.punkt import PunktSentenceTokenizer

EXTRA = "instructions"
# Before it, NLTK kept a quotation mark and its word together ("'bad") and did not end a sentence at a curly quote.
NLTK_SERIES = "3.10"
# Limits of a text that is split, of which a loose verdict reads eight variants: characters to split into sentences and
# into tokens, and full stops, question and exclamation marks. NLTK's time for these is some two seconds.
LONGEST_IN_SENTENCES, LONGEST_IN_TOKENS = 250_000, 70_000
MOST_MARKS = 5_000
# langdetect reads the first 10,000 characters that are no address; its search for addresses reads all it is given.
LONGEST_DETECTED = 200_000
TAGGER = "averaged_perceptron_tagger_eng"
TAGGER_ADVICE = f"install NLTK's {TAGGER}: python -m nltk.downloader {TAGGER}"

_LANGDETECT = threading.Lock()
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")


def missing_packages(*modules: str) -> str:
    """A sentence with the command that installs the extra; empty if all the modules are there."""
    return missing_extra(EXTRA, modules)


def split_sentences(text: str) -> tuple[str, ...]:
    """Sentences by NLTK's Punkt model of English. Raises Ungraded for a text that is too long to be split."""
    return _split_in_time(_sentences, text, LONGEST_IN_SENTENCES)


def tokenize_words(text: str) -> tuple[str, ...]:
    """Tokens by NLTK's word tokenizer, sentence by sentence; marks are tokens. Raises as split_sentences."""
    return _split_in_time(_tokens, text, LONGEST_IN_TOKENS)


def tokenize_without_marks(text: str) -> list[str]:
    """Tokens with a letter or digit in them. Raises as split_sentences."""
    return list(filter(_LETTER_OR_DIGIT.search, tokenize_words(text)))


def count_stop_words(text: str) -> int:
    """Runs of word characters that are in NLTK's list of English stop words."""
    stop_words = _stop_words()
    return sum(1 for run in word_runs(text) if run.lower() in stop_words)


def count_syllables(word: str) -> int:
    """By syllapy: a dictionary, else a rule of vowels; 0 for what is no word."""
    import syllapy  # noqa: PLC0415 (paid by those who grade)

    return int(syllapy.count(word))


def is_emoji(character: str) -> bool:
    """Whether the text is one emoji as Unicode lists them."""
    import emoji  # noqa: PLC0415 (paid by those who grade)

    return bool(emoji.is_emoji(character))


def detect_language(text: str) -> str:
    """The code of the most likely language, such as "en" or "zh-cn"; "" if the text has nothing to go by."""
    from langdetect.lang_detect_exception import LangDetectException  # noqa: PLC0415

    with _LANGDETECT:
        detector = _detector_factory().create()
        try:
            detector.append(text[:LONGEST_DETECTED])
            return str(detector.detect())
        except LangDetectException:
            return ""


def starts_with_verb(text: str) -> bool:
    """Whether NLTK's tagger calls the first token a verb. Raises Ungraded without the tagger's model."""
    # The tag of a token depends on the two that follow.
    tokens = list(tokenize_words(text)[:5])
    if not tokens:
        return False
    import nltk  # noqa: PLC0415 (paid by those who grade)

    try:
        return "VB" in nltk.pos_tag(tokens)[0][1]
    except LookupError as error:
        raise ungraded(f"words:start_verb needs a model that is not there; {TAGGER_ADVICE}", "no_tagger") from error


def has_tagger() -> bool:
    """Whether starts_with_verb can judge."""
    import nltk  # noqa: PLC0415 (paid by those who grade)

    try:
        nltk.data.find(f"taggers/{TAGGER}/")
    except LookupError:
        return False
    return True


def package_versions() -> dict[str, str]:
    """The versions of the packages that verdicts depend on, for the record of the run; those that are installed."""
    found = {}
    for name in ("nltk", "langdetect", "syllapy", "emoji"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def version_warning(nltk_version: str) -> str:
    """A sentence about a version of NLTK that splits texts in another way; empty for the compared one."""
    if nltk_version.startswith(f"{NLTK_SERIES}."):
        return ""
    return (
        f"NLTK {nltk_version} is installed; versions split text differently, and verdicts were compared with the "
        f"official ones under {NLTK_SERIES}: pip install 'nltk=={NLTK_SERIES}.*'"
    )


def load_word_lists() -> None:
    """Find or fetch all files that the functions above read. Raises DataError."""
    _sentence_tokenizer()
    _stop_words()


def _split_in_time(split: Callable[[str], tuple[str, ...]], text: str, longest: int) -> tuple[str, ...]:
    marks = sum(map(text.count, ".?!"))
    if len(text) <= longest and marks <= MOST_MARKS:
        try:
            return split(text)
        except TimeoutError:  # NLTK's own limit for one search, 5 seconds
            pass
    raise ungraded(
        f"expected a text of at most {longest:,} characters and {MOST_MARKS:,} sentence marks to split into "
        f"words, found {len(text):,} and {marks:,}",
        "reply_too_long",
    )


# The official rule, its repaired form and other instructions of the row read the same eight variants.
@functools.lru_cache(maxsize=16)
def _sentences(text: str) -> tuple[str, ...]:
    return tuple(_sentence_tokenizer().tokenize(text))


@functools.lru_cache(maxsize=16)
def _tokens(text: str) -> tuple[str, ...]:
    tokenizer = _word_tokenizer()
    return tuple(token for sentence in _sentences(text) for token in tokenizer.tokenize(sentence))


@functools.cache
def _sentence_tokenizer() -> PunktSentenceTokenizer:
    from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer  # noqa: PLC0415 (paid by those who grade)

    # Read here, because NLTK opens no file outside its own folders.
    parameters = PunktParameters()
    parameters.abbrev_types = set(read_lines(f"{PUNKT}/abbrev_types.txt"))
    parameters.sent_starters = set(read_lines(f"{PUNKT}/sent_starters.txt"))
    parameters.collocations = {
        (first, second)
        for first, _, second in (line.partition("\t") for line in read_lines(f"{PUNKT}/collocations.tab"))
    }
    for line in read_lines(f"{PUNKT}/ortho_context.tab"):
        word, _, flags = line.partition("\t")
        parameters.ortho_context[word] = int(flags)
    return PunktSentenceTokenizer(parameters)


@functools.cache
def _word_tokenizer() -> NLTKWordTokenizer:
    from nltk.tokenize.destructive import NLTKWordTokenizer  # noqa: PLC0415 (paid by those who grade)

    return NLTKWordTokenizer()


@functools.cache
def _stop_words() -> frozenset[str]:
    return frozenset(read_lines(STOP_WORDS))


@functools.cache
def _detector_factory() -> Any:
    """A factory of our own with seed 0; the caller holds the lock."""
    from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory  # noqa: PLC0415

    factory = DetectorFactory()
    factory.load_profile(PROFILES_DIRECTORY)
    factory.set_seed(0)
    return factory
