"""IFBench's 58 types of instruction. Pyatkin et al. 2025, arXiv:2507.02833.

Checkers of the authors' repository at commit db69a6f0, which numbers its types by these ids.
"""

from __future__ import annotations

from collections.abc import Mapping

from . import ifbench_counts as counts
from . import ifbench_custom as custom
from . import ifbench_layout as layout
from . import ifbench_words as words
from .checkers import Checker

COMMIT = "db69a6f0"

_COUNTS: Mapping[str, Checker] = {
    "count:word_count_range": Checker(counts.has_word_count, ("min_words", "max_words")),
    "count:unique_word_count": Checker(
        counts.has_unique_words,
        ("N",),
        repaired=counts.has_unique_real_words,
        fault="the official rule counts a mark that stands alone as a word",
    ),
    "count:conjunctions": Checker(
        counts.has_conjunctions,
        ("small_n",),
        repaired=counts.has_different_conjunctions,
        fault='the official rule counts "and", "And" and "and," as different',
    ),
    "count:person_names": Checker(counts.has_names, ("N",)),
    "count:numbers": Checker(counts.has_numbers, ("N",)),
    "count:punctuation": Checker(counts.has_all_marks),
    "count:pronouns": Checker(counts.has_pronouns, ("N",)),
    "count:words_japanese": Checker(
        counts.has_japanese_words,
        ("N",),
        repaired=counts.has_some_japanese_words,
        fault="the official rule is content with a reply of fewer words",
    ),
    "count:keywords_multiple": Checker(
        counts.has_keyword_counts,
        tuple(counts.KEYWORD_COUNTS),
        repaired=counts.has_keyword_counts_as_words,
        fault="the official rule counts keywords inside of longer words",
    ),
    "ratio:stop_words": Checker(counts.has_few_stop_words, ("percentage",)),
    "ratio:sentence_type": Checker(
        counts.has_two_statements_a_question,
        repaired=counts.has_two_statements_a_real_question,
        fault="the official rule is content with neither statements nor questions",
    ),
    "ratio:sentence_balance": Checker(
        counts.has_balanced_sentences,
        repaired=counts.has_balanced_real_sentences,
        fault="the official rule is content with no sentence of any type",
    ),
    "ratio:sentence_words": Checker(
        counts.has_three_equal_sentences,
        repaired=counts.has_three_equal_different_sentences,
        fault="the official rule does not look whether the words differ",
    ),
    "ratio:overlap": Checker(
        counts.has_character_overlap,
        ("reference_text", "percentage"),
        repaired=counts.has_word_overlap,
        fault="the official rule compares trigrams of characters, not of words",
    ),
}

_WORDS: Mapping[str, Checker] = {
    "words:alphabet": Checker(words.follows_alphabet),
    "words:vowel": Checker(words.has_few_vowels),
    "words:consonants": Checker(words.has_clusters),
    "words:palindrome": Checker(words.has_palindromes),
    "words:prime_lengths": Checker(words.has_prime_lengths),
    "words:start_verb": Checker(words.begins_with_verb),
    "words:repeats": Checker(words.has_few_repeats, ("small_n",)),
    "words:odd_even_syllables": Checker(words.alternates_syllables),
    "words:last_first": Checker(
        words.chains_sentences,
        repaired=words.chains_several_sentences,
        fault="the official rule keeps marks behind words and is content with one sentence",
    ),
    "words:paragraph_last_first": Checker(
        words.frames_paragraphs,
        repaired=words.frames_paragraphs_by_words,
        fault="the official rule keeps marks behind words",
    ),
    "words:no_consecutive": Checker(words.varies_first_letters),
    "words:keywords_specific_position": Checker(words.has_keyword_at, ("keyword", "n", "m")),
    "words:words_position": Checker(
        words.has_keyword_at_both_ends,
        ("keyword",),
        repaired=words.has_keyword_at_both_ends_of_words,
        fault="the official rule counts marks as words",
    ),
    "sentence:keyword": Checker(words.has_keyword_in_sentence, ("word", "N")),
    "sentence:alliteration_increment": Checker(
        words.has_growing_alliterations,
        repaired=words.has_several_growing_alliterations,
        fault="the official rule is content with one sentence",
    ),
    "sentence:increment": Checker(
        words.has_growing_sentences,
        ("small_n",),
        repaired=words.has_several_growing_sentences,
        fault="the official rule is content with one sentence",
    ),
}

_LAYOUT: Mapping[str, Checker] = {
    "format:parentheses": Checker(
        layout.nests_brackets,
        repaired=layout.nests_closed_brackets,
        fault="the official rule is content with the innermost bracket closed",
    ),
    "format:quotes": Checker(layout.nests_quotes),
    "format:options": Checker(layout.is_one_option, ("options",)),
    "format:newline": Checker(layout.has_word_per_line),
    "format:emoji": Checker(layout.ends_with_emojis),
    "format:line_indent": Checker(
        layout.is_indented,
        repaired=layout.is_really_indented,
        fault="the official rule keeps some blank lines and is content with one line",
    ),
    "format:quote_unquote": Checker(
        layout.explains_quotes,
        repaired=layout.explains_curly_quotes,
        fault="the official rule does not see curly quotes",
    ),
    "format:list": Checker(
        layout.has_separators,
        ("sep",),
        repaired=layout.has_separator_lines,
        fault="the official rule counts the mark anywhere",
    ),
    "format:thesis": Checker(
        layout.has_thesis,
        repaired=layout.has_real_thesis,
        fault="the official rule measures <em> as if it were <i>",
    ),
    "format:sub-bullets": Checker(
        layout.has_sub_bullets,
        repaired=layout.has_sub_bullet_lines,
        fault="the official rule takes any asterisk and any dash, and is content with none",
    ),
    "format:no_bullets_bullets": Checker(
        layout.has_sentences_then_bullets,
        repaired=layout.has_statements_then_bullets,
        fault="the official rule stops at a blank line and takes any sentence",
    ),
    "format:title_case": Checker(
        layout.is_title_case,
        repaired=layout.is_usual_title_case,
        fault="the official rule wants capitals on minor words, too",
    ),
    "format:output_template": Checker(layout.follows_template),
    "format:no_whitespace": Checker(layout.has_no_white_space),
    "repeat:repeat_change": Checker(
        layout.repeats_but_first_word,
        ("prompt_to_repeat",),
        repaired=layout.repeats_with_another_word,
        fault="the official rule takes other white space for another first word",
    ),
    "repeat:repeat_simple": Checker(layout.is_the_sentence),
    "repeat:repeat_span": Checker(
        layout.repeats_span,
        ("prompt_to_repeat", "n_start", "n_end"),
        repaired=layout.repeats_words,
        fault="the official rule takes places of words for places of characters",
    ),
}

_CUSTOM: Mapping[str, Checker] = {
    "custom:multiples": Checker(custom.prints_multiples),
    "custom:mcq_count_length": Checker(custom.has_growing_questions),
    "custom:reverse_newline": Checker(custom.lists_countries_backwards),
    "custom:word_reverse": Checker(custom.reverses_words),
    "custom:character_reverse": Checker(custom.reverses_characters),
    "custom:sentence_alphabet": Checker(
        custom.tells_alphabet,
        repaired=custom.tells_alphabet_by_words,
        fault="the official rule takes a quotation mark for a first letter",
    ),
    "custom:european_capitals_sort": Checker(
        custom.sorts_capitals, repaired=custom.sorts_all_capitals, fault="the official list lacks Kyiv"
    ),
    "custom:csv_city": Checker(custom.is_city_table),
    "custom:csv_special_character": Checker(
        custom.is_product_table,
        repaired=custom.is_full_product_table,
        fault="the official rule stops reading at the first quoted mark",
    ),
    "custom:csv_quotes": Checker(custom.is_quoted_table),
    "custom:date_format_list": Checker(
        custom.lists_dates,
        repaired=custom.lists_real_dates,
        fault="the official rule takes dates that do not exist",
    ),
}

IFBENCH: Mapping[str, Checker] = {**_COUNTS, **_WORDS, **_LAYOUT, **_CUSTOM}
