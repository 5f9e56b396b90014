"""Are the figures of other tools read back from their outputs? `python ci/check_imports.py TOOL PATH [PATH ...]`.

Imports finished outputs (evalscope, lm-eval, inspect) into a temporary folder and prints how many of the tool's own
figures the run gives, and each that differs. Outputs are made by the tools' own commands; ci/foreign_tasks/server.py is
a server to make some with. Status 1 where a figure differs that is not named with --known.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pytest_modeleval.imports.evalscope import read_evalscope
from pytest_modeleval.imports.inspect_logs import read_inspect
from pytest_modeleval.imports.lm_eval import read_lm_eval
from pytest_modeleval.imports.run_folder import write_run

READERS = {"evalscope": read_evalscope, "lm-eval": read_lm_eval, "inspect": read_inspect}


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool", choices=sorted(READERS))
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument(
        "--known", action="append", default=[], metavar="TEXT", help="a metric that is not carried over"
    )
    given = parser.parse_args()
    unknown = equal = samples = 0
    for path in given.paths:
        with tempfile.TemporaryDirectory() as folder:
            made = write_run(READERS[given.tool](path), Path(folder) / "run", source=path, command=[])
        equal += made.equal
        samples += sum(score.planned for entry in made.summary.benchmarks for score in entry.subsets)
        for line in made.differences:
            is_known = any(word in line for word in given.known)
            unknown += not is_known
            print(f"{path}: {'known' if is_known else 'differs'}: {line}")
    print(f"{samples:,} samples, {equal:,} figures equal, {unknown:,} differ")
    return 1 if unknown or not equal else 0


if __name__ == "__main__":
    sys.exit(main())
