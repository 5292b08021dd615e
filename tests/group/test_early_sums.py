"""Sums of gradients that begin while the backward pass goes on."""

from collections import defaultdict
from collections.abc import Callable
from threading import get_ident
from typing import Any

import numpy
import pytest

from tests.group.members import Member, together
from tests.group.test_equal import assert_equal, trained
from xpcnn import Model
from xpcnn.layers import Dense, Flatten, Layer, ReLU, Residual, Sequential
from xpcnn.process_group import ALONE
from xpcnn.training import group_sums


def overlapping(member: Member) -> Member:
    member.overlaps = True
    return member


@pytest.mark.parametrize("piece", [1, 100, 1 << 16])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"n": 38, "clip_norm": 0.5, "ema": 0.9},
        {"accumulate": 3},
        {"layers": [Flatten(), Residual(Sequential([Dense(9), Dense(72)])), ReLU(), Dense(3)]},
    ],
    ids=["plain", "short", "accumulate", "residual"],
)
def test_as_one_process(
    piece: int, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_sums, "PIECE", piece)
    found = together(3, lambda member: trained(overlapping(member), **options))
    assert_equal(found, trained(None, **options))


def test_a_sum_begins_before_the_pass_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of 10 numbers: the last layer is one, the two before are one together."""
    monkeypatch.setattr(group_sums, "PIECE", 10)
    events: dict[int, list[str]] = defaultdict(list)  # of each thread

    def note(event: str) -> None:
        events[get_ident()].append(event)

    class Noted(Flatten):
        """A layer that notes its backward pass."""

        def forward(self, *given: Any) -> Any:
            y, buffers, back = super().forward(*given)

            def pullback(dy: Any, want_dx: bool = True) -> Any:
                note("backward")
                return back(dy, want_dx)

            return y, buffers, pullback

    class One(Member):
        def begin_sum(self, x: Any) -> Callable[[], Any]:
            note(f"begin {len(x)}")

            def wait() -> Any:
                note("wait")
                return self.sum(x)

            return wait

    layers: list[Layer] = [Dense(2), Noted(), Dense(1), ReLU(), Noted(), Dense(5)]

    def work(member: Member) -> None:
        one = One(member.table, member.rank)
        one.overlaps = True
        model = Model(layers, input_shape=(3,), dtype="float64", loss="mse", task="regression")
        x = numpy.arange(12.0).reshape(4, 3)
        model.fit(x, x @ numpy.ones((3, 5)), epochs=1, batch_size=4, group=one, health=False)

    together(2, work)
    expected = ["begin 10", "backward", "backward", "begin 11", "wait", "wait"]
    assert list(events.values()) == [expected] * 2


def test_one_process_sums_nothing() -> None:
    x = numpy.ones(3)
    assert ALONE.begin_sum(x)() is x
    assert not ALONE.overlaps
