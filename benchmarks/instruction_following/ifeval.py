"""IFEval's 25 types of instruction. Zhou et al. 2023, arXiv:2311.07911."""

from __future__ import annotations

from collections.abc import Mapping

from . import ifeval_rules as rules
from .checkers import Checker

UNDETECTED = "the language cannot be detected, which the official rule counts as followed"
INSIDE_WORDS = "the official rule counts keywords inside of longer words"

IFEVAL: Mapping[str, Checker] = {
    "keywords:existence": Checker(
        rules.has_keywords, ("keywords",), repaired=rules.has_keywords_as_words, fault=INSIDE_WORDS
    ),
    "keywords:frequency": Checker(
        rules.has_keyword_often,
        ("keyword", "frequency", "relation"),
        repaired=rules.has_keyword_often_as_word,
        fault=INSIDE_WORDS,
    ),
    "keywords:forbidden_words": Checker(rules.has_no_forbidden_word, ("forbidden_words",)),
    "keywords:letter_frequency": Checker(rules.has_letter_often, ("letter", "let_frequency", "let_relation")),
    "language:response_language": Checker(
        rules.is_in_language, ("language",), repaired=rules.is_surely_in_language, fault=UNDETECTED
    ),
    "length_constraints:number_sentences": Checker(rules.has_sentences, ("num_sentences", "relation")),
    "length_constraints:number_paragraphs": Checker(rules.has_divided_paragraphs, ("num_paragraphs",)),
    "length_constraints:number_words": Checker(rules.has_words, ("num_words", "relation")),
    "length_constraints:nth_paragraph_first_word": Checker(
        rules.has_first_word_of_paragraph,
        ("num_paragraphs", "nth_paragraph", "first_word"),
        repaired=rules.has_first_word_of_real_paragraph,
        fault="the official rule counts paragraphs without the blank ones and looks one up among all",
    ),
    "detectable_content:number_placeholders": Checker(rules.has_placeholders, ("num_placeholders",)),
    "detectable_content:postscript": Checker(rules.has_postscript, ("postscript_marker",)),
    "detectable_format:number_bullet_lists": Checker(
        rules.has_bullets,
        ("num_bullets",),
        repaired=rules.has_real_bullets,
        fault="the official rule counts a line such as --- as a bullet",
    ),
    "detectable_format:constrained_response": Checker(rules.is_constrained),
    "detectable_format:number_highlighted_sections": Checker(rules.has_highlights, ("num_highlights",)),
    "detectable_format:multiple_sections": Checker(rules.has_sections, ("section_spliter", "num_sections")),
    "detectable_format:json_format": Checker(rules.is_json),
    "detectable_format:title": Checker(rules.has_title),
    "combination:two_responses": Checker(rules.has_two_replies),
    "combination:repeat_prompt": Checker(rules.repeats_prompt, ("prompt_to_repeat",)),
    "startend:end_checker": Checker(rules.has_end, ("end_phrase",)),
    "startend:quotation": Checker(rules.is_quoted),
    "change_case:capital_word_frequency": Checker(rules.has_capital_words, ("capital_frequency", "capital_relation")),
    "change_case:english_capital": Checker(
        rules.is_upper_case_english, repaired=rules.is_surely_upper_case_english, fault=UNDETECTED
    ),
    "change_case:english_lowercase": Checker(
        rules.is_lower_case_english, repaired=rules.is_surely_lower_case_english, fault=UNDETECTED
    ),
    "punctuation:no_comma": Checker(rules.has_no_comma),
}
