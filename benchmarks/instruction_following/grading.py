"""The grader of both pages: four named measures, of which a prompt-level one is the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_modeleval import Grade, Response, Sample
from pytest_modeleval.grader_context import GraderContext
from pytest_modeleval.metrics import mean, ratio
from pytest_modeleval.records import MeasureValue

from .checkers import Checker, Verdicts, check_reply
from .language import TAGGER_ADVICE, has_tagger, load_word_lists, package_versions, version_warning
from .rows import instructions_of
from .texts import drop_leading_blank_lines

PROMPT_STRICT, PROMPT_LOOSE = "prompt_strict", "prompt_loose"
INSTRUCTION_STRICT, INSTRUCTION_LOOSE = "instruction_strict", "instruction_loose"
MEASURES = (mean(PROMPT_STRICT), mean(PROMPT_LOOSE), ratio(INSTRUCTION_STRICT), ratio(INSTRUCTION_LOOSE))
VERB_INSTRUCTION = "words:start_verb"


@dataclass(frozen=True, slots=True)
class InstructionGrader:
    """A PreparedGrader: right if every instruction is followed, strictly or loosely as `primary` says."""

    checkers: Mapping[str, Checker]
    """By the id of the instruction."""
    primary: str
    """PROMPT_STRICT or PROMPT_LOOSE."""

    def prepare(self, site: GraderContext) -> None:
        """Find or fetch the word lists. Raises DataError. Warns of another NLTK and of a missing model of it."""
        load_word_lists()
        versions = package_versions()
        site.facts["instruction_packages"] = versions
        if warning := version_warning(versions.get("nltk", "")):
            site.warnings.append(warning)
        if VERB_INSTRUCTION in self.checkers and not has_tagger():
            site.warnings.append(f"prompts with {VERB_INSTRUCTION} will stay ungraded; {TAGGER_ADVICE}")

    def __call__(self, sample: Sample, response: Response) -> Grade:
        """The grade of a reply. Raises Ungraded where an instruction of the sample cannot be judged."""
        instructions = instructions_of(sample)
        verdicts = check_reply(reply_of(response), instructions, self.checkers)
        strict, loose = all(verdicts.strict), all(verdicts.loose)
        measures: dict[str, MeasureValue] = {
            PROMPT_STRICT: float(strict),
            PROMPT_LOOSE: float(loose),
            INSTRUCTION_STRICT: (sum(verdicts.strict), len(verdicts.strict)),
            INSTRUCTION_LOOSE: (sum(verdicts.loose), len(verdicts.loose)),
        }
        if response.missing_cause:
            return Grade.no_answer(cause=response.missing_cause, measures=measures)
        if loose if self.primary == PROMPT_LOOSE else strict:
            return Grade.right(marks=verdicts.marks, measures=measures)
        names = [name for name, _ in instructions]
        missed = self._missed(names, verdicts)
        return Grade.wrong(
            cause=missed[0],
            explanation=f"not followed: {', '.join(missed)}",
            marks=verdicts.marks,
            measures=measures,
        )

    def _missed(self, names: list[str], verdicts: Verdicts) -> list[str]:
        chosen = verdicts.loose if self.primary == PROMPT_LOOSE else verdicts.strict
        return [name for name, followed in zip(names, chosen, strict=True) if not followed]


def reply_of(response: Response) -> str:
    """The text to check. Blank lines in front are left out where thinking was cut off in front of them.

    A rule that looks up the first paragraph, and the loose variant without the first line, would find those otherwise.
    """
    return drop_leading_blank_lines(response.text) if response.reasoning else response.text
