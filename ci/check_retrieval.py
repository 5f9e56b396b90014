"""Compares a run of `retrieval` with trec_eval: `python ci/check_retrieval.py RUN --eval-data DIR`.

The ranking of each query is made again from the vectors in the run folder, and pytrec-eval-terrier measures it; every
measure that the run recorded has to be equal to 1e-9. --expect NAME=VALUE:TOLERANCE holds a figure of the run to a
known one, such as `--expect ndcg@10=0.402:0.005`. Exit status 1 where anything differs.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytrec_eval

from pytest_modeleval.retrieval.beir import Collection, open_collection
from pytest_modeleval.retrieval.search import top_k
from pytest_modeleval.vectors.vector_file import open_vectors

# Ours -> those of trec_eval.
NAMES = {
    "ndcg@10": "ndcg_cut_10",
    "recall@10": "recall_10",
    "recall@100": "recall_100",
    "map": "map",
    "map@100": "map_cut_100",
    "hit@10": "success_10",
    "mrr@10": "recip_rank",
}
TOLERANCE = 1e-9


def main() -> int:
    """Check one run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--eval-data", type=Path, required=True)
    parser.add_argument("--expect", action="append", default=[])
    given = parser.parse_args()
    lines = [orjson.loads(line) for file in sorted(given.run.glob("journal*.jsonl")) for line in file.open("rb")]
    plan = next(line for line in lines if line.get("type") == "plan" and line.get("benchmark") == "retrieval")
    recorded = {(line["subset"], line["sample"]): line["measures"] for line in lines if is_grade(line)}
    means: dict[str, list[float]] = {}
    worst = 0.0
    for subset in plan["data"]:
        name = next(name for name in (f"retrieval/{subset}", subset) if (given.eval_data / name).is_dir())
        collection = open_collection(given.eval_data / name, name, plan["options"])
        options = plan["options"] | {
            name: plan["options"][name] or plan["params"].get(name) or ""
            for name in ("query_prefix", "document_prefix")
        }
        for query, found in of_trec_eval(given.run / "vectors", collection, options):
            ours = recorded.get((subset, f"{subset}-{query}"))
            if ours is None:
                print(f"{subset} {query}: no outcome in the run")
                return 1
            worst = max(worst, *(abs(ours[name] - found[theirs]) for name, theirs in NAMES.items()))
            for measure, value in ours.items():
                means.setdefault(measure, []).append(value)
    figures = {name: float(np.mean(values)) for name, values in means.items()}
    print(f"{len(recorded)} queries; greatest difference from trec_eval: {worst:.3g}")
    print(", ".join(f"{name} {value:.4f}" for name, value in figures.items()))
    missed = [text for text in given.expect if not is_as_expected(text, figures)]
    return int(worst > TOLERANCE or bool(missed))


def is_grade(line: dict[str, Any]) -> bool:
    """A grade of the benchmark."""
    return line.get("type") == "grade" and line.get("benchmark") == "retrieval" and bool(line.get("measures"))


def is_as_expected(text: str, figures: dict[str, float]) -> bool:
    """Whether a figure is as near as NAME=VALUE:TOLERANCE says."""
    name, _, rest = text.partition("=")
    value, _, tolerance = rest.partition(":")
    is_near = abs(figures[name] - float(value)) <= float(tolerance)
    print(f"{name} {figures[name]:.4f}, expected {value} within {tolerance}: {'yes' if is_near else 'NO'}")
    return is_near


def of_trec_eval(
    folder: Path, collection: Collection, options: dict[str, Any]
) -> Iterator[tuple[str, dict[str, float]]]:
    """Query -> its measures by trec_eval, over the ranking that the stored vectors give."""
    characters = int(options["document_characters"]) or None
    known = {key: vector for path in folder.glob("*.vec") for key, vector in vectors_of(path)}

    def stacked(texts: Iterator[str]) -> Any:
        return np.stack([known[hashlib.sha256(text.encode()).digest()] for text in texts])

    corpus = stacked(options["document_prefix"] + text[:characters] for text in collection.texts())
    queries = [query for query in collection.queries if query not in collection.without_relevant]
    asked = stacked(options["query_prefix"] + collection.queries[query] for query in queries)
    depth = int(options["depth"])
    found = top_k(asked, corpus, depth + 1, options["similarity"], ids=collection.ids)
    judged = {query: {name: int(gain) for name, gain in collection.gains[query].items()} for query in queries}
    evaluator = pytrec_eval.RelevanceEvaluator(judged, {"ndcg_cut", "recall", "map", "map_cut", "success"})
    run, first = {}, {}
    for query, rows, scores in zip(queries, found.rows, found.scores, strict=True):
        pairs = [(collection.ids[row], float(score)) for row, score in zip(rows, scores, strict=True)]
        kept = [pair for pair in pairs if not (options["drop_own_id"] and pair[0] == query)]
        run[query], first[query] = dict(kept[:depth]), dict(kept[:10])
    # trec_eval's reciprocal rank has no limit of ranks.
    ranks = pytrec_eval.RelevanceEvaluator(judged, {"recip_rank"}).evaluate(first)
    for query, measures in evaluator.evaluate(run).items():
        yield query, measures | ranks[query]


def vectors_of(path: Path) -> Iterator[tuple[bytes, Any]]:
    """Key and vector of each whole record of a file."""
    file = open_vectors(path)
    if file is not None:
        for place, key, _ in file.entries():
            yield key, file.row(place)
        file.close()


if __name__ == "__main__":
    sys.exit(main())
