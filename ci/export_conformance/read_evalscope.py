"""Runs in an environment with EvalScope: its own service reads an export, as `evalscope app` does. Prints JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from evalscope.service.app import create_app  # type: ignore[import-not-found]

ROOT = "/api/v1/reports"


def main(outputs: str) -> None:
    """Print benchmark -> score, samples, subsets, and the value of every reviewed sample."""
    client = create_app(outputs).test_client()

    def get(path: str, **query: str) -> Any:
        answer = client.get(f"{ROOT}{path}", query_string={"root_path": outputs, **query})
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.get_data(as_text=True)[:300]}"
        return answer.get_json()

    found = {}
    for listed in get("")["reports"]:
        place = f"/runs/{listed['run_id']}/models/{listed['model_id']}"
        for report in get(place)["report_list"]:
            name = report["dataset_name"]
            metric = report["metrics"][0]
            subsets = {part["name"]: part for category in metric["categories"] for part in category["subsets"]}
            found[name] = {
                "score": metric["score"],
                "num": metric["num"],
                "subsets": {key: {"score": part["score"], "num": part["num"]} for key, part in subsets.items()},
                "values": {
                    key: [row["NScore"] for row in predictions(get, place, name, key)] for key in sorted(subsets)
                },
            }
    print(json.dumps(found))


def predictions(get: Any, place: str, benchmark: str, subset: str) -> list[dict[str, Any]]:
    """The samples of a subset as the viewer lists them; each has its messages."""
    rows: list[dict[str, Any]] = get(f"{place}/predictions", dataset_name=benchmark, subset_name=subset)["predictions"]
    assert all(row["Messages"] for row in rows), f"{benchmark} {subset}: a sample without messages"
    return rows


main(sys.argv[1])
