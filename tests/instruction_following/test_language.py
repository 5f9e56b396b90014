"""Languages by a seeded detector in any number of threads, sentences and tokens as NLTK splits them, word lists."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.instruction_following import (
    IFBENCH,
    IFEVAL,
    PROMPT_LOOSE,
    PROMPT_STRICT,
    InstructionGrader,
    grading,
    language,
    nltk_files,
)
from pytest_modeleval.errors import DataError, Ungraded
from pytest_modeleval.grader_context import GraderContext
from tests.support.instructions import need_word_lists

# Short texts of several languages in one: an unseeded detector does not always say the same.
UNSURE = ["Taxi hotel bar 12", "Die a man", "pizza, pasta, amore mio", "Otto mag super Computer", "No."]


@pytest.fixture
def fresh_lists() -> Iterator[None]:
    """Read the files anew, in this test and after it."""
    caches = (nltk_files.read_lines, language._sentence_tokenizer, language._stop_words)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def test_the_language_of_a_text_is_always_the_same() -> None:
    """Also from many threads at once, of which the first ones find no detector yet."""
    pytest.importorskip("langdetect", reason="needs the extra [instructions]")
    language._detector_factory.cache_clear()
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(language.detect_language, UNSURE * 20))
    assert found == found[: len(UNSURE)] * 20
    assert [language.detect_language(text) for text in UNSURE] == found[: len(UNSURE)]


def test_the_detector_of_others_is_left_alone() -> None:
    """A seed on langdetect's class would change what other code of the process sees."""
    detectors = pytest.importorskip("langdetect.detector_factory", reason="needs the extra [instructions]")
    language.detect_language("some text")
    assert detectors.DetectorFactory.seed is None
    assert detectors._factory is None


@pytest.mark.parametrize("text", ["", " \n", "12 34", "***", "http://example.org"])
def test_a_text_without_words_has_no_language(text: str) -> None:
    """An empty code, and no exception."""
    pytest.importorskip("langdetect", reason="needs the extra [instructions]")
    assert language.detect_language(text) == ""


@given(st.lists(st.sampled_from(["Dr. Lee", "e.g. this", "a", "Why?", "No!", "3.5", "J. B.", "\n", "etc.", "end."])))
def test_sentences_are_those_of_nltk(parts: list[str]) -> None:
    """With its model of English, read by us."""
    need_word_lists()
    import nltk

    text = " ".join(parts)
    try:
        expected = nltk.sent_tokenize(text)
    except LookupError:
        # The model is not installed; the parts still make up the text.
        assert "".join("".join(language.split_sentences(text)).split()) == "".join(text.split())
    else:
        assert list(language.split_sentences(text)) == expected


def test_abbreviations_end_no_sentence() -> None:
    """Punkt's lists are in use: abbreviations, initials, words that often begin a sentence."""
    need_word_lists()
    assert language.split_sentences("Dr. Lee met Mr. J. Shaw at 5 p.m. in the U.S. today. He left!") == (
        "Dr. Lee met Mr. J. Shaw at 5 p.m. in the U.S. today.",
        "He left!",
    )
    assert language.tokenize_words("Don't (go).") == ("Do", "n't", "(", "go", ")", ".")
    assert language.count_stop_words("The cat isn't mine") == 3


@pytest.mark.parametrize("text", ["a " * 200_000, "No. " * 10_000])
def test_a_text_that_takes_too_long_to_split_is_ungraded(text: str) -> None:
    """Its verdict would be known after minutes."""
    need_word_lists()
    with pytest.raises(Ungraded, match="expected a text of at most"):
        language.tokenize_words(text)


def test_a_search_that_nltk_gives_up_is_ungraded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its limit is one of time; a verdict must not depend on the machine's speed."""

    def too_slow(_text: str) -> tuple[str, ...]:
        raise TimeoutError

    monkeypatch.setattr(language, "_sentences", too_slow)
    with pytest.raises(Ungraded, match="expected a text of at most"):
        language.split_sentences("a")


@pytest.mark.usefixtures("fresh_lists")
def test_files_of_an_installation_serve_if_they_are_the_pinned_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of the same content is read, another one is passed over, and nothing is fetched for it."""
    name = nltk_files.STOP_WORDS
    content = b"one\ntwo\n"
    for folder, text in (("other", b"changed"), ("same", content)):
        (tmp_path / folder / name).parent.mkdir(parents=True)
        (tmp_path / folder / name).write_bytes(text)
    monkeypatch.setenv("NLTK_DATA", f"{tmp_path / 'other'}:{tmp_path / 'same'}")
    monkeypatch.setattr(nltk_files, "SHA256", {name: hashlib.sha256(content).hexdigest()})
    assert nltk_files.read_lines(name) == ("one", "two")


@pytest.mark.usefixtures("fresh_lists")
def test_without_files_and_without_a_network_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first request: the grader is prepared then."""

    def fail(*_arguments: object, **_named: object) -> Path:
        raise DataError("expected a network, found none")

    monkeypatch.setattr(nltk_files, "fetch_package", fail)
    monkeypatch.setattr(nltk_files, "_nltk_folders", lambda: [tmp_path])
    with pytest.raises(DataError, match=r"found none; without a network put .* and set NLTK_DATA to it"):
        InstructionGrader(IFBENCH, PROMPT_LOOSE).prepare(GraderContext())


def test_a_missing_tagger_is_said_before_the_run_and_leaves_its_prompts_ungraded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One warning with the command that installs it; no verdict is made up."""
    need_word_lists()
    import nltk

    def missing(*_arguments: object) -> None:
        raise LookupError

    monkeypatch.setattr(nltk, "pos_tag", missing)
    monkeypatch.setattr(nltk.data, "find", missing)
    site = GraderContext()
    InstructionGrader(IFBENCH, PROMPT_LOOSE).prepare(site)
    assert site.warnings[-1].partition("; ")[2] == language.TAGGER_ADVICE
    with pytest.raises(Ungraded, match=r"python -m nltk\.downloader averaged_perceptron_tagger_eng"):
        language.starts_with_verb("Run home")


def test_the_tag_of_the_first_token_is_what_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any tag of a verb, of the first token alone."""
    need_word_lists()
    import nltk

    monkeypatch.setattr(nltk, "pos_tag", lambda tokens: [(tokens[0], "VBG"), *((token, "NN") for token in tokens[1:])])
    assert language.starts_with_verb("Running is fun")
    monkeypatch.setattr(nltk, "pos_tag", lambda tokens: [(tokens[0], "NN"), *((token, "VB") for token in tokens[1:])])
    assert not language.starts_with_verb("Dogs run home")


def test_another_nltk_is_said_and_all_versions_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens differ between versions, and so may verdicts."""
    need_word_lists()
    site = GraderContext()
    monkeypatch.setattr(grading, "package_versions", lambda: {"nltk": "3.9.1", "emoji": "2.0"})
    InstructionGrader(IFEVAL, PROMPT_STRICT).prepare(site)
    assert site.facts == {"instruction_packages": {"nltk": "3.9.1", "emoji": "2.0"}}
    assert len(site.warnings) == 1
    assert "NLTK 3.9.1 is installed" in site.warnings[0]
    assert language.version_warning("3.10.4") == ""
    assert set(language.package_versions()) == {"nltk", "langdetect", "syllapy", "emoji"}
