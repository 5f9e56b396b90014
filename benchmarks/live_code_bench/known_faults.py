"""Problems whose tests fail right programs, from LiveCodeBench's own ERRATA; marked, never skipped."""

from __future__ import annotations

# Several answers are right, the tests hold one of them.
_SEVERAL_ANSWERS = "abc311_c abc326_d abc327_b abc333_e abc343_a abc343_e abc362_c arc185_c"
# The program must talk to an interactive judge, which a fixed output cannot be.
_INTERACTIVE = "abc337_e abc355_e"
# Tests that contradict the statement.
_FAULTY = "abc350_c apply-operations-to-make-string-empty most-frequent-ids arc189_a"

REMARKS = (
    dict.fromkeys(_SEVERAL_ANSWERS.split(), "several_answers")
    | dict.fromkeys(_INTERACTIVE.split(), "interactive")
    | dict.fromkeys(_FAULTY.split(), "faulty_tests")
)
