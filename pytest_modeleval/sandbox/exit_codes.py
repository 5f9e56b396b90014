"""Exit codes with which the sandbox's own code ends a process. Used on both sides; no imports.

A program can exit with any of these numbers itself. They carry meaning only for the stages in which no line of the
program runs: compilation (COMPILE_FAILED) and the trusted tests in their own sandbox (the others).
"""

COMPILE_FAILED = 3
CHECK_FAILED = 11
"""An assertion of the tests failed, or a comparison with the returned value raised."""
CANDIDATE_RAISED = 12
"""The program's function raised an exception, and the tests did not expect it."""
CANDIDATE_GONE = 13
"""The program ended, or sent something else than a returned value."""
CHECK_BROKEN = 14
"""The tests failed before they called the program."""
CHECK_EXHAUSTED = 15
"""The tests ran out of memory."""
REPLY_TOO_LARGE = 16
"""The program returned more than a caller reads."""
