"""Each type of instruction: texts that follow it, texts that do not, and texts on which a repaired rule differs."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.instruction_following.ifbench_custom import CAPITALS, MULTIPLES
from benchmarks.instruction_following.ifbench_layout import ONLY_SENTENCE
from pytest_modeleval.errors import Ungraded
from tests.support.instructions import EVERY, follows, need_word_lists, repaired

ENGLISH = "This is a plain text in the English language, and nothing else."
SPAN = {"prompt_to_repeat": "Write a poem about the sea", "n_start": 1, "n_end": 2}
COUNTS = {"keyword1": "ax", "keyword2": "bx", "keyword3": "cx", "keyword4": "dx", "keyword5": "ex"}
COUNTED = "ax bx bx cx cx cx" + " dx" * 5 + " ex" * 7
ALPHABET = [f"{letter}bc is here." for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
QUESTIONS = "\n\n".join(
    f"Question {n}. {'what ' * n}?\n" + "\n".join(f"{letter}) one" for letter in "ABCDE") for n in range(1, 5)
)
CITIES = "\n".join(["ID,Country,City,Year,Count", *(f"{n},Chile,Arica,1999,3" for n in range(7))])
PRODUCTS = ["ProductID,Category,Brand,Price,Stock", *(f"{n},a,b,2,3" for n in range(13)), '14,"a&b",b,2,3']
STUDENTS = '"StudentID"\t"Subject"\t"Grade"\t"Semester"\t"Score"' + '\n"1"\t"Art"\t"A"\t"2"\t"90"' * 3
AFRICA = "\n".join(sorted(["Zimbabwe", *(f"Land{n:02}" for n in range(52))], reverse=True))
STAIRS = "one\n two\n  three"

# type, arguments, texts that follow it, texts that do not
CASES: list[tuple[str, dict[str, Any], list[str], list[str]]] = [
    ("keywords:existence", {"keywords": ["Rock", "sea"]}, ["ROCKETS and the sea"], ["a rock"]),
    ("keywords:frequency", {"keyword": " war ", "frequency": 2, "relation": "at least"}, ["war Warm"], ["war"]),
    ("keywords:frequency", {"keyword": "war", "frequency": 2, "relation": "less than"}, ["war"], ["war war"]),
    ("keywords:forbidden_words", {"forbidden_words": ["rock"]}, ["rocket"], ["a Rock!"]),
    (
        "keywords:letter_frequency",
        {"letter": "T", "let_frequency": 2, "let_relation": "at least"},
        ["Tt", "titanic"],
        ["t"],
    ),
    ("language:response_language", {"language": "de"}, ["Das ist ein einfacher deutscher Satz.", "12 34"], [ENGLISH]),
    (
        "length_constraints:number_sentences",
        {"num_sentences": 3, "relation": "less than"},
        ["Dr. Smith came. He left."],
        ["A cat. A dog. A bee."],
    ),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, ["a\n***\nb", "***a***b"], ["a", "a******b"]),
    ("length_constraints:number_words", {"num_words": 4, "relation": "at least"}, ["I don't know"], ["one two three"]),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Elm"},
        ["one\n\n\"elm's tree", "one\n\nElm, two"],
        ["one\n\nelms", "elm\n\ntwo", "one\n\nelm\n\nthree"],
    ),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, ["[a][]", "[a [b] c]\n[d]"], ["[a\n] [b]"]),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, ["x\nP. S. y", "p.s."], ["PS: y"]),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, ["P.P.S. y", "p. p. s"], ["P.S. y"]),
    ("detectable_content:postscript", {"postscript_marker": "Note"}, ["a NOTE"], ["no"]),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, ["* a\n\n  - b"], ["* a", "** a\n- b", "- a\n" * 3]),
    ("detectable_format:constrained_response", {}, ["So: My answer is no. Yes."], ["my answer is no."]),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, ["*a* **b**"], ["*a* ** **"]),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "Day", "num_sections": 2},
        ["Day 1 a Day 2 b", "Day1Day2"],
        ["day 1 day 2", "Day 1 Day two"],
    ),
    ("detectable_format:json_format", {}, ['```json\n{"a": [1]}\n```', "3"], ["{'a': 1}", "{} ok", "[" * 200_000]),
    ("detectable_format:title", {}, ["a\n<<Joy>> b", "<<<x>>"], ["<<>>", "<< >>", "<<a\nb>>", ">>a<<"]),
    ("combination:two_responses", {}, ["a******b", "******a\n******\nb******"], ["a******a", "a", "a******b******c"]),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Do it. "}, ["\nDO IT. Done"], ["I do it."]),
    ("startend:end_checker", {"end_phrase": "Bye now."}, ['"So: bye NOW."\n'], ["Bye now. Really."]),
    ("startend:quotation", {}, ['\n"a" b"'], ['"', "“a”", 'a "b"']),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "at least"},
        ["NASA and I"],
        ["NASA and Esa"],
    ),
    ("change_case:english_capital", {}, [ENGLISH.upper()], [ENGLISH, "12", "DAS IST EIN DEUTSCHER SATZ"]),
    ("change_case:english_lowercase", {}, [ENGLISH.lower()], [ENGLISH, "12"]),
    ("punctuation:no_comma", {}, ["a; b，c"], ["a, b"]),
    ("count:word_count_range", {"min_words": 2, "max_words": 3.0}, ["a b", "a-b c"], ["a", "a b c d"]),
    ("count:unique_word_count", {"N": 2}, ["a B a."], ["A a. (a)"]),
    ("count:conjunctions", {"small_n": 2}, ["cats and dogs or bees"], ["cats and dogs and bees"]),
    ("count:person_names", {"N": 2}, ["Emma's dog; Leo"], ["Emma, Emma", "emma leo", "Leonardo in Miami"]),
    ("count:numbers", {"N": 2}, ["1,000 and 3.5"], ["one 1", "1 2 3"]),
    ("count:punctuation", {}, ["What?! A, b; c: d. E! F?"], ["What?! A, b; c: d.", "A, b; c: d. E! F?"]),
    ("count:pronouns", {"N": 3}, ["she/her said nothing", "I know that it is"], ["she said no"]),
    ("count:words_japanese", {"N": 2}, ["a 日本 b カ c 7"], ["a b c d"]),
    ("count:keywords_multiple", COUNTS, [COUNTED], [COUNTED + " ax", "ax"]),
    ("ratio:stop_words", {"percentage": 50}, ["the cat", "cats run"], ["the of cat", "..."]),
    ("ratio:sentence_type", {}, ["A cat. A dog. A bee?"], ["A cat. A bee?"]),
    ("ratio:sentence_balance", {}, ["A cat. A bee? A dog!"], ["A cat. A bee?"]),
    ("ratio:sentence_words", {}, ["A cat. I dog. O bee."], ["A cat. A bee.", "A cat. I dogs. O bee."]),
    ("ratio:overlap", {"reference_text": "abcdefgh", "percentage": 50}, ["abcd12"], ["abcdefgh", "ab"]),
    ("words:alphabet", {}, ["Yes, zebras are"], ["a c", "1 b", "--"]),
    ("words:vowel", {}, ["a red hat is it"], ["a red fox in", "a\nb"]),
    ("words:consonants", {}, ["Strong black cats!"], ["Strong tree a"]),
    ("words:palindrome", {}, ["level, " * 10], ["level, " * 9 + "noon"]),
    ("words:prime_lengths", {}, ["to the seven!"], ["four", "a"]),
    ("words:repeats", {"small_n": 1}, ["a b c"], ["A b, a!"]),
    ("words:odd_even_syllables", {}, ["cat water dog"], ["cat dog"]),
    ("words:last_first", {}, ["A cat. Cat we love. Love is all."], ["A cat. A dog.", "!? A."]),
    ("words:paragraph_last_first", {}, ["Yes we say yes.\n\nno\n"], ["Yes we say no."]),
    ("words:no_consecutive", {}, ["A big cat"], ["Big, bad cat"]),
    (
        "words:keywords_specific_position",
        {"keyword": "owl", "n": 2, "m": 3},
        ["Hi there. See, an Owl here."],
        ["Hi there. See owl.", "See an owl."],
    ),
    ("words:words_position", {"keyword": "sea"}, ["A sea is the sea too.", "a Sea b sea c"], ["sea", "Hi."]),
    ("words:start_verb", {}, [], []),
    ("sentence:keyword", {"word": "owl", "N": 2}, ["Hi there. An OWL!"], ["An owl. No.", "Hi there. Owls."]),
    ("sentence:alliteration_increment", {}, ["One cat. Big bad dog. Six slow sad eels."], ["Big bad dog. One cat."]),
    ("sentence:increment", {"small_n": 1}, ["A cat. A big cat."], ["A cat. A dog."]),
    ("format:parentheses", {}, ["(a[b{c(d[e]"], ["((((a))))", "(((((", "([{(a]"]),
    ("format:quotes", {}, ["\"a 'b \"c\" d' e\""], ["\"a 'b' c\""]),
    ("format:options", {"options": "yes/no/maybe"}, ["Yes.", "(maybe)"], ["yes or no", "Yes!\n"]),
    ("format:options", {"options": "I know or I don't know"}, ["i know"], ["know"]),
    ("format:options", {"options": "a), b), c), d)"}, ["a)"], ["A)", "a", "a) "]),
    ("format:newline", {}, ["one\n\n-two!\n"], ["one two"]),
    ("format:emoji", {}, ["Hi there 😀. Bye 👍!", "Hi there. 😀 Bye. 👍"], ["Hi there. Bye 👍"]),
    ("format:line_indent", {}, [STAIRS], ["one\ntwo", " one\ntwo"]),
    ("format:quote_unquote", {}, ['"a" means b.', "***"], ['"a" "b" c', 'it is "a".']),
    ("format:list", {"sep": "!?!?"}, ["!?!? a\n!?!? b"], ["!?!? a"]),
    ("format:thesis", {}, ["x <i>claim</i> more"], ["<i>claim</i>", "<i> </i> more", "claim"]),
    ("format:sub-bullets", {}, ["* a\n  - b\n* c\n  - d"], ["* a\n* b\n - c"]),
    ("format:no_bullets_bullets", {}, ["One cat. Two cats.\n* a\n* b"], ["One cat.\n* a\n* b", "One. Two.\n* a\nno"]),
    ("format:title_case", {}, ["The Great USA 7 iPhone"], ["The great", "A b"]),
    ("format:output_template", {}, ["My Answer: a My Conclusion: b Future Outlook: c"], ["My Answer: a"]),
    ("format:no_whitespace", {}, ["abc"], ["a b", "abc\n", "a\u3000b"]),
    ("repeat:repeat_change", {"prompt_to_repeat": "Write a poem"}, ["Read a  poem"], ["Write a poem", "Read a book"]),
    ("repeat:repeat_simple", {}, [ONLY_SENTENCE.upper() + "\n"], ["No."]),
    ("repeat:repeat_span", SPAN, ["RI"], ["a poem", "W"]),
    ("custom:multiples", {}, [", ".join(MULTIPLES), "14,21,28,35,42,49"], ["10, 14, 21, 28, 35, 42, 49", "14"]),
    ("custom:mcq_count_length", {}, [QUESTIONS], ["Here: " + QUESTIONS, QUESTIONS.replace("what ", ""), "Question 1"]),
    ("custom:reverse_newline", {}, [AFRICA, "Here:\n" + AFRICA], [AFRICA.replace("Zimbabwe", ""), AFRICA[:300]]),
    ("custom:word_reverse", {}, ["eagle bald The."], ["The bald eagle."]),
    ("custom:character_reverse", {}, [".Elgae dlaB"], ["bald eagle"]),
    ("custom:sentence_alphabet", {}, [" ".join(ALPHABET)], [" ".join(ALPHABET[:25]), " ".join(ALPHABET[::-1])]),
    ("custom:european_capitals_sort", {}, [", ".join(CAPITALS)], [", ".join(CAPITALS[1:]), ", ".join(CAPITALS) + "."]),
    ("custom:csv_city", {}, [CITIES, CITIES + "\n"], [CITIES + "\n1,2,3,4,5", CITIES[1:], "a\rb"]),
    ("custom:csv_special_character", {}, ["\n".join(PRODUCTS)], ["a", "\n".join(PRODUCTS).replace("&", "")]),
    ("custom:csv_quotes", {}, [STUDENTS], [STUDENTS.replace('"Art"', ""), STUDENTS.replace("\t", ",")]),
    ("custom:date_format_list", {}, ["1805-12-02, 1815-06-18"], ["1805-12-2", "1822-01-01", "1805-11-31"]),
]  # fmt: skip

# type, arguments, text, official verdict; the repaired rule says the opposite
FAULTS: list[tuple[str, dict[str, Any], str, bool]] = [
    ("keywords:existence", {"keywords": ["art"]}, "a start", True),
    ("keywords:frequency", {"keyword": "art", "frequency": 1, "relation": "less than"}, "a start", False),
    ("language:response_language", {"language": "de"}, "12 34", True),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 1, "nth_paragraph": 1, "first_word": "elm"},
        "\n\nElm",
        False,
    ),
    ("detectable_format:number_bullet_lists", {"num_bullets": 1}, "- a\n- - -\n", False),
    ("change_case:english_capital", {}, "Ⅷ", True),
    ("change_case:english_lowercase", {}, "ⅷ", True),
    ("count:unique_word_count", {"N": 2}, "a -", True),
    ("count:conjunctions", {"small_n": 3}, "and And and,", True),
    ("count:words_japanese", {"N": 5}, "a b", True),
    ("count:keywords_multiple", COUNTS, COUNTED[1:] + "x ax", True),
    ("ratio:sentence_type", {}, "Hello!", True),
    ("ratio:sentence_balance", {}, "Hello", True),
    ("ratio:sentence_words", {}, "Cat. Cat. Cat.", True),
    ("ratio:overlap", {"reference_text": "one two", "percentage": 0}, "one two three", False),
    ("words:last_first", {}, "A cat. Cat, we ran.", False),
    ("words:last_first", {}, "One sentence.", True),
    ("words:paragraph_last_first", {}, "Yes, I say yes.", False),
    ("words:words_position", {"keyword": "sea"}, "A, sea the sea too.", False),
    ("sentence:alliteration_increment", {}, "One sentence.", True),
    ("sentence:increment", {"small_n": 3}, "One sentence.", True),
    ("format:parentheses", {}, "(((((a)", True),
    ("format:line_indent", {}, "one", True),
    ("format:line_indent", {}, "one\n\n\n two", False),
    ("format:quote_unquote", {}, "It is “a”.", True),
    ("format:list", {"sep": "..."}, "a... b...", True),
    ("format:thesis", {}, "<em></em> more", True),
    ("format:sub-bullets", {}, "No bullets.", True),
    ("format:sub-bullets", {}, "* **bold**\n - a", False),
    ("format:no_bullets_bullets", {}, "One cat.\n\nTwo cats.\n* a\n* b", False),
    ("format:title_case", {}, "War and Peace", False),
    ("repeat:repeat_change", {"prompt_to_repeat": "Write a poem"}, "Write a poem\n", True),
    ("repeat:repeat_span", SPAN, "a poem", False),
    ("custom:sentence_alphabet", {}, '"' + " ".join(ALPHABET), False),
    ("custom:european_capitals_sort", {}, ", ".join([*CAPITALS[:16], "Kyiv", *CAPITALS[16:]]), False),
    ("custom:csv_special_character", {}, "\n".join([PRODUCTS[0], PRODUCTS[-1], *PRODUCTS[1:13], "x"]), True),
    ("custom:date_format_list", {}, "1805-00-99", True),
]


@pytest.fixture(scope="module", autouse=True)
def packages() -> None:
    """Skip without the extra or the word lists."""
    need_word_lists()


@pytest.mark.parametrize(("name", "arguments", "good", "bad"), CASES, ids=[case[0] for case in CASES])
def test_the_official_verdict(name: str, arguments: dict[str, Any], good: list[str], bad: list[str]) -> None:
    """True for each text that follows the instruction, false for each that does not."""
    assert [text for text in good if not follows(name, text, **arguments)] == []
    assert [text for text in bad if follows(name, text, **arguments)] == []


def test_every_type_is_in_the_table() -> None:
    """And each repaired rule has a text on which it differs."""
    assert {case[0] for case in CASES} == set(EVERY)
    assert {fault[0] for fault in FAULTS} == {name for name, checker in EVERY.items() if checker.repaired}
    assert all(bool(checker.repaired) == bool(checker.fault) for checker in EVERY.values())


@pytest.mark.parametrize(("name", "arguments", "text", "official"), FAULTS)
def test_a_repaired_rule_differs_where_the_official_one_is_at_fault(
    name: str, arguments: dict[str, Any], text: str, official: bool
) -> None:
    """Both verdicts on a text that shows the fault."""
    assert follows(name, text, **arguments) is official
    assert repaired(name, text, **arguments) is not official


@pytest.mark.parametrize(("name", "arguments", "good", "bad"), CASES, ids=[case[0] for case in CASES])
def test_a_repaired_rule_takes_what_clearly_follows(
    name: str, arguments: dict[str, Any], good: list[str], bad: list[str]
) -> None:
    """It agrees with the official one on texts where that one is right."""
    disputed = {fault[2] for fault in FAULTS if fault[0] == name} | {"12 34", "ROCKETS and the sea", "war Warm"}
    disputed |= {"(a[b{c(d[e]", "RI", "abcd12", ", ".join(CAPITALS)}
    if EVERY[name].repaired is not None:
        assert [text for text in good if text not in disputed and not repaired(name, text, **arguments)] == []


@given(st.lists(st.sampled_from(["", " ", "  ", "a", " a", "  b", "   c"]), max_size=12))
def test_blank_lines_go_as_from_a_list_that_a_loop_runs_over(lines: list[str]) -> None:
    """The linear form of the official line removal gives what the plain form gives."""
    kept = list(lines)
    for line in kept:
        if not line.strip():
            kept.remove(line)
    indents = [len(line) - len(line.lstrip(" ")) for line in kept]
    if "".join(lines).strip():
        expected = indents == sorted(set(indents))
        assert follows("format:line_indent", "\n".join(lines)) is expected


@given(st.text(alphabet="<> a\n", max_size=40), st.text(alphabet="[] \na", max_size=40))
def test_brackets_are_paired_within_a_line(angles: str, squares: str) -> None:
    """A title and placeholders are found as a search that tries every place finds them."""
    titles = [
        line[start : end + 2]
        for line in angles.split("\n")
        for start in range(len(line))
        for end in range(start + 3, len(line))
        if line[start : start + 2] == "<<" and line[end : end + 2] == ">>"
    ]
    if angles.strip():
        assert follows("detectable_format:title", angles) == any(part.strip("<> ") for part in titles)
    pairs = 0
    for line in squares.split("\n"):
        is_open = False
        for character in line:
            pairs += is_open and character == "]"
            is_open = character == "[" or (is_open and character != "]")
    if squares.strip():
        assert follows("detectable_content:number_placeholders", squares, num_placeholders=pairs)
        assert not follows("detectable_content:number_placeholders", squares, num_placeholders=pairs + 1)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_all_json_is_json(value: Any) -> None:
    """With and without a fence."""
    text = json.dumps(value)
    assert follows("detectable_format:json_format", text)
    assert follows("detectable_format:json_format", f"```json\n{text}\n```")


@pytest.mark.parametrize("name", sorted(set(EVERY) - {"words:start_verb"}))
@pytest.mark.parametrize("unit", ["<<", "[", "\n", "* ", '"!', "(", "Question 1", "a,", "*\n"])
def test_a_long_hostile_text_is_read_in_one_pass(name: str, unit: str) -> None:
    """Sixty thousand characters that make a pattern try every pair of places; the test would not end."""
    arguments = next(case[1] for case in CASES if case[0] == name)
    text = "x" + unit * (60_000 // len(unit))
    # NLTK's parts are too slow for some of them, which are not judged.
    with contextlib.suppress(Ungraded):
        assert follows(name, text, **arguments) in (True, False)
    if EVERY[name].repaired is not None:
        with contextlib.suppress(Ungraded):
            assert repaired(name, text, **arguments) in (True, False)
