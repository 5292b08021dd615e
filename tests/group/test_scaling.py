"""The model of what more processes save, and a thousand processes on paper."""

import numpy
import pytest

from tests.group.members import Member, Table, together
from xpcnn.batch_rows import Rows, rows_of
from xpcnn.benchmark.scaling import Link, efficiency, gradient_bytes, measured, page, sum_seconds
from xpcnn.random import permutation, uniform

LINK = Link(latency=1e-3, bandwidth=1e6)


def test_a_sum_by_hand() -> None:
    # 2 processes, 1,000 bytes. Ring: 2 ms of latency, 1 ms for 1,000 bytes; tree: 2 ms and 2 ms
    assert sum_seconds(LINK, 2, 1000) == pytest.approx(0.003)
    # 8 processes, 8 bytes. Ring: 14 ms; tree: 6 ms and 16 us
    assert sum_seconds(LINK, 8, 8) == pytest.approx(0.006016)
    assert sum_seconds(LINK, 1, 1000) == 0.0
    assert efficiency(0.009, LINK, 2, 1000) == pytest.approx(0.75)


def test_the_gradients_of_a_preset() -> None:
    assert gradient_bytes("digits") == 4 * 9_978


def test_the_table_names_every_link() -> None:
    lines = page(1000, 0.009, {"a": LINK}).splitlines()
    assert lines[1].split()[:4] == ["a", "3.00", "ms,", "0.75"]


def test_a_link_is_fitted() -> None:
    found = together(2, lambda member: measured(member, (8, 4096)))[0]
    assert found["processes"] == 2
    assert found["latency"] == found["sum_seconds"]["8"] / 2
    assert found["bandwidth"] > 0


@pytest.mark.parametrize("samples", [50_000, 49_999, 1_281_167])
def test_a_thousand_processes_see_every_sample_once(samples: int) -> None:
    """Rows and random numbers of 1,024 processes, in an epoch of batches of 4,096."""
    size, batch = 1024, 4096
    order = permutation(0, samples, 1)
    seen = numpy.zeros(samples, numpy.int64)
    table = Table(size)
    for start in range(0, samples, batch):
        chosen = order[start : start + batch]
        parts = [rows_of(Member(table, rank), len(chosen)) for rank in range(size)]
        if len(chosen) < size:
            assert {*parts} == {Rows(0, len(chosen), len(chosen), size)}
            seen[chosen] += 1
            continue
        firsts = numpy.array([part.first for part in parts])
        counts = numpy.array([part.count for part in parts])
        assert (firsts[1:] == (firsts + counts)[:-1]).all()
        assert (firsts[0], firsts[-1] + counts[-1]) == (0, len(chosen))
        assert counts.max() - counts.min() <= 1
        seen[chosen] += 1
    assert (seen == 1).all()
    whole = uniform(7, 3, (batch, 5))
    for rank in (0, 1, 511, 1023):
        rows = rows_of(Member(table, rank), batch)
        drawn = uniform(7, 3, (rows.count, 5), rows.first * 5)
        assert (drawn == whole[rows.first : rows.first + rows.count]).all()
