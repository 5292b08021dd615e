"""Which rows of a batch each of several processes has, reads and draws numbers for."""

from typing import Any

import numpy
import pytest

from tests.group.members import Member, Table
from xpcnn import Model
from xpcnn.batch_rows import Rows, rows_of
from xpcnn.config.training_options import TrainingOptions
from xpcnn.data.augment import CutMix, Mixup
from xpcnn.layers import Dense, Flatten
from xpcnn.process_group import ALONE
from xpcnn.random import permutation, uniform
from xpcnn.samples import Samples
from xpcnn.training.updates import Updates


def test_rows_by_hand() -> None:
    groups = [Member(Table(3), rank) for rank in range(3)]
    assert [rows_of(member, 8) for member in groups] == [
        Rows(0, 3, 8),
        Rows(3, 3, 8),
        Rows(6, 2, 8),
    ]
    assert [rows_of(member, 2) for member in groups] == [Rows(0, 2, 2, 3)] * 3
    assert rows_of(ALONE, 5) == Rows(0, 5, 5)
    assert rows_of(ALONE, 5).weight == 1.0


@pytest.mark.parametrize("total", [1, 2, 5, 64, 97, 1023, 1024, 4100])
@pytest.mark.parametrize("size", [1, 2, 3, 8, 1024])
def test_rows_cover_a_batch(total: int, size: int) -> None:
    table = Table(size)
    parts = [rows_of(Member(table, rank), total) for rank in range(size)]
    assert abs(sum(part.weight for part in parts) - 1.0) < 1e-12
    if total >= size:
        covered = [row for p in parts for row in range(p.first, p.first + p.count)]
        assert covered == list(range(total))
        shorter = [rows_of(Member(table, rank), max(size, total - 1)).count for rank in range(size)]
        assert all(short <= part.count for short, part in zip(shorter, parts, strict=True))


def test_a_process_reads_its_rows_and_those_mixed_into_them() -> None:
    """Batches of 6 in 3 processes: each reads two rows and, for two mixings, the two before."""
    read: list[list[int]] = []

    class Noted(Samples):
        def batches(self, size: int, order: Any = None) -> Any:
            read.append(order.tolist())
            return super().batches(size, order)

    images, zero = numpy.zeros((12, 1, 2, 2), numpy.float32), numpy.zeros(1, numpy.float32)
    samples = Noted(images, numpy.arange(12) % 3, zero, zero + 1)
    network = Model([Flatten(), Dense(3)], input_shape=(1, 2, 2)).network
    order = permutation(0, 12, 1).reshape(2, 6)
    for rank, rows in enumerate(([4, 5, 0, 1], [0, 1, 2, 3], [2, 3, 4, 5])):
        options = TrainingOptions(batch_size=6, augment=(Mixup(), CutMix()))
        updates = Updates(network, samples, options, 0, Member(Table(3), rank))
        (first, second) = updates.epoch(1, 0, [])
        assert read.pop() == order[:, rows].reshape(-1).tolist()
        assert first.batches[0][0].shape == second.batches[0][0].shape == (2, 1, 2, 2)
        (again,) = updates.epoch(1, 1, [])
        assert read.pop() == order[1:, rows].reshape(-1).tolist()
        assert (again.batches[0][1] == second.batches[0][1]).all()


@pytest.mark.parametrize("first", [0, 1, 7, 8, 9, 1000])
def test_uniforms_from_the_middle(first: int) -> None:
    whole = uniform(5, 3, (2000,))
    assert (uniform(5, 3, (10, 10), first) == whole[first : first + 100].reshape(10, 10)).all()
