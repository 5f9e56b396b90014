"""The measures of a stress test agree with a known law, and the naive ones do not."""

from __future__ import annotations

import pytest

from ci import check_stress
from pytest_modeleval.stress.loads import Load
from tests.support.law import Law


@pytest.mark.parametrize("chunk", [1, 8])
@pytest.mark.parametrize("share", [None, 0.8, 1.1])
def test_every_measure_agrees_with_the_law(share: float | None, chunk: int) -> None:
    """Within 2 %, in a closed loop, below and above capacity, with one token and eight tokens a chunk."""
    law = Law(chunk=chunk, tokens=16, is_exponential=True)
    load = Load(concurrency=law.slots) if share is None else Load(rate=share * law.capacity)
    result, ours, naive = check_stress.check(check_stress.Cell(law=law, load=load, share=share), 1200)
    assert {"ttft_mean", "tpot_mean", "itl_mean", "e2e_mean", "req_s", "output_tok_s", "goodput"} <= ours.keys()
    assert max(map(abs, ours.values())) <= check_stress.LIMIT
    assert result.facts["is_saturated"] == (share == 1.1)
    assert (naive["itl_mean"] > 6) == (chunk == 8)
    assert (naive["ttft_mean"] < -0.15) == (share is not None)
