"""Many processes rehearsed in one: what each reads, counts and decides, also when some fail."""

from collections import Counter
from itertools import islice
from types import SimpleNamespace
from typing import Any

import numpy
import pytest

from tests.group.members import Member, Table, together
from xpcnn import Model
from xpcnn.config.training_options import TrainingOptions
from xpcnn.errors import ConfigError, XpcnnError
from xpcnn.layers import Dense, Flatten
from xpcnn.process_group import by_all, by_first, is_shared
from xpcnn.samples import Samples
from xpcnn.signals import Noted
from xpcnn.training.group_start import start_together
from xpcnn.training.run import Run
from xpcnn.training.saver import Saver
from xpcnn.training.updates import Update, Updates

SIZE, BATCH = 256, 512
SAMPLES = 3 * BATCH + 261  # of the last batch, some processes have two rows and others one
NETWORK = Model([Flatten(), Dense(3)], input_shape=(1, 1, 1), dtype="float64").network


def updates(
    size: int, samples: int, epoch: int, skip: int, most: int | None = None
) -> list[list[Update]]:
    """Return at most `most` updates of an epoch after its first `skip` batches, of every process.

    Each image is one pixel, the number of its sample.
    """
    numbers, zero = numpy.arange(samples), numpy.zeros(1)
    images = Samples(numbers.reshape(-1, 1, 1, 1) * 1.0, numbers % 3, zero, zero + 1)
    options, table = TrainingOptions(batch_size=BATCH), Table(size)
    members = [Member(table, rank) for rank in range(size)]
    return [
        list(islice(every.epoch(epoch, skip, [0.0] * (epoch - 1)), most))
        for every in (Updates(NETWORK, images, options, 5, member) for member in members)
    ]


def read(found: list[list[Update]]) -> Counter[int]:
    """Return how often each sample counts, and require equal steps of all processes."""
    seen: Counter[int] = Counter()
    for of_all in zip(*found, strict=True):  # an update
        assert len({(u.first_pass, float(u.lr), int(u.step)) for u in of_all}) == 1
        (parts,) = zip(*(u.rows for u in of_all), strict=True)
        assert sum(part.weight for part in parts) == pytest.approx(1.0)
        for u, part in zip(of_all, parts, strict=True):
            ((x, labels),) = u.batches
            numbers = x.reshape(-1).astype(int)
            assert len(numbers) == part.count
            assert (labels == numbers % 3).all()
            if part.copies == 1 or u is of_all[0]:
                seen.update(numbers.tolist())
    return seen


@pytest.mark.parametrize("samples", [SAMPLES, 2 * BATCH + 7])  # a last batch of 7 rows
def test_every_sample_is_read_once(samples: int) -> None:
    seen = read(updates(SIZE, samples, 1, 0))
    assert seen == Counter(range(samples))


@pytest.mark.parametrize(("saved", "left"), [(1, 255), (3, 128), (2, 1)])
def test_after_a_failure_fewer_read_the_rest(saved: int, left: int) -> None:
    """The checkpoint is of `saved` updates; `left` processes resume in the middle of the epoch."""
    before = updates(SIZE, SAMPLES, 2, 0, saved)
    after = updates(left, SAMPLES, 2, saved)
    assert after[0][0].step == before[0][-1].step + 1
    assert read(before) + read(after) == Counter(range(SAMPLES))


def test_what_one_decides_holds_for_all() -> None:
    """One stops, another has a checkpoint due, and a third gets a signal."""

    def decisions(member: Member) -> tuple[Any, ...]:
        state = SimpleNamespace(stopping=member.rank == 7, step=1)
        state.stop = lambda why: vars(state).update(stopping=True)
        saver, signal = SimpleNamespace(due=lambda step: member.rank == 250), Noted()
        run: Any = SimpleNamespace(state=state, saver=saver, signal=signal, group=member)
        Run.agree(run)
        signal.number = 2 * (member.rank == 117)
        try:
            Run.agree(run)
        except KeyboardInterrupt:
            return bool(state.stopping), run.save_is_due, "interrupted"
        return bool(state.stopping), run.save_is_due, "not interrupted"

    assert set(together(SIZE, decisions)) == {(True, True, "interrupted")}


def raised(member: Member, call: Any) -> str:
    """Return the error that a process raises and all know of."""
    with pytest.raises(XpcnnError) as caught:
        call()
    assert is_shared(caught.value)
    return str(caught.value).partition("\n")[0]


def test_the_error_of_one_is_the_error_of_all() -> None:
    def fail(rank: int, member: Member) -> None:
        if member.rank == rank:
            raise XpcnnError(f"no disk in {rank}")

    def errors(member: Member) -> tuple[str, ...]:
        tensors = {"w": numpy.ones(3) + (member.rank == 200)}
        saver: Any = SimpleNamespace(group=member)
        identity = {"data": "other" if member.rank == 33 else "same"}
        return (
            raised(member, lambda: by_all(member, lambda: fail(117, member))),
            raised(member, lambda: by_first(member, lambda: fail(0, member))),
            raised(member, lambda: Saver._check_equal(saver, tensors)),
            raised(member, lambda: start_together(member, NETWORK, identity)),
        )

    assert set(together(SIZE, errors)) == {
        (
            "no disk in 117",
            "no disk in 0",
            "process 200 has other weights than process 0",
            "process 33 has other data than process 0",
        )
    }


def test_one_that_dies_leaves_none_behind() -> None:
    """All others wait for it, and end when it does."""

    def work(member: Member) -> None:
        member.agree([0])
        if member.rank == 250:
            raise ConfigError("dead")
        member.agree([0])

    with pytest.raises(ConfigError, match="dead"):
        together(SIZE, work)
