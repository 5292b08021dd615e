"""The average of the weights: its formula, and where it takes their place."""

from itertools import pairwise

import numpy
import pytest

from tests.lib import Host, Lib
from tests.training.linear import batches, close, gradients, linear, loss, rows, weights
from xpcnn import Model
from xpcnn.errors import ConfigError
from xpcnn.layers import BatchNorm, Dense
from xpcnn.optimizers import SGD
from xpcnn.types import flatten

DATA = rows(20)
LR = 0.5


def path(model: Model, start: list[Host], epochs: int, lr: float = LR) -> list[list[Host]]:
    """Return the weights before the first update and after each, by plain SGD."""
    seen = [start]
    for x, labels in batches(model, DATA, epochs, 8):
        steps = zip(seen[-1], gradients(seen[-1], x, labels), strict=True)
        seen.append([p - lr * g for p, g in steps])
    return seen


def averages(seen: list[list[Host]], d: float) -> list[Host]:
    """a ← a + (1 - d_t)·(p - a), d_t = min(d, (1 + t)/(10 + t))."""
    a = seen[0]
    for t, p in enumerate(seen[1:], start=1):
        kept = min(d, (1 + t) / (10 + t))
        a = [kept * a_i + (1 - kept) * p_i for a_i, p_i in zip(a, p, strict=True)]
    return a


def test_one_update_by_hand() -> None:
    """After the first, 2/11 of the start and 9/11 of what the update made."""
    model, plain = linear(), linear()
    start = weights(model)
    model.fit(DATA, epochs=1, optimizer=SGD(LR), ema=0.9)
    plain.fit(DATA, epochs=1, optimizer=SGD(LR))
    expected = [2 / 11 * a + 9 / 11 * p for a, p in zip(start, weights(plain), strict=True)]
    assert close(weights(model), expected)


@pytest.mark.parametrize("d", [0.0, 0.3, 0.999])
def test_the_model_ends_with_the_average(d: float, lib: Lib) -> None:
    model = linear(backend=lib.backend)
    start = weights(model)
    model.fit(DATA, epochs=3, batch_size=8, optimizer=SGD(LR), ema=d)
    assert close(weights(model), averages(path(model, start, 3), d))


def test_equal_to_pytorch() -> None:
    torch = pytest.importorskip("torch")
    d, model = 0.4, linear()
    seen = path_of_a_run(model)
    layer = torch.nn.Linear(4, 3, dtype=torch.float64)

    def put(values: list[Host]) -> None:
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(values[0].T))
            layer.bias.copy_(torch.from_numpy(values[1]))

    put(seen[0])
    t = 0
    averaged = torch.optim.swa_utils.AveragedModel(
        layer, avg_fn=lambda a, p, _: a + (1 - min(d, (1 + t) / (10 + t))) * (p - a)
    )
    averaged.update_parameters(layer)  # its first call copies
    for t, values in enumerate(seen[1:], start=1):  # noqa: B007 - avg_fn reads t
        put(values)
        averaged.update_parameters(layer)
    other = linear()
    other.fit(DATA, epochs=3, batch_size=8, optimizer=SGD(LR), ema=d)
    theirs = [averaged.module.weight.detach().numpy().T, averaged.module.bias.detach().numpy()]
    assert close(weights(other), theirs)


def path_of_a_run(model: Model) -> list[list[Host]]:
    start = weights(model)
    model.fit(DATA, epochs=3, batch_size=8, optimizer=SGD(LR))
    seen = path(model, start, 3)
    assert close(weights(model), seen[-1])
    return seen


def test_one_update_averages_once_however_many_batches() -> None:
    model, other = linear(), linear()
    model.fit(DATA, epochs=2, batch_size=4, accumulate=2, ema=0.9)
    other.fit(DATA, epochs=2, batch_size=8, ema=0.9)
    assert close(weights(model), weights(other))


def test_validations_and_the_best_are_of_the_average() -> None:
    """Training goes on from the weights; a rate too high makes the average the better of both."""
    model = linear()
    start = weights(model)
    history = model.fit(
        DATA, validation=DATA, epochs=6, batch_size=8, optimizer=SGD(30.0), ema=0.5, keep_best=True
    )
    x, labels = next(batches(model, DATA, 1, 20))
    seen = path(model, start, 6, 30.0)
    found = [averages(seen[: updates + 1], 0.5) for updates in range(3, 19, 3)]
    losses = [loss(a, x, labels) for a in found]
    numpy.testing.assert_allclose(history["val_loss"], losses, rtol=1e-9)
    assert any(earlier < later for earlier, later in pairwise(losses))
    assert close(weights(model), found[losses.index(min(losses))])


def test_running_statistics_are_the_last() -> None:
    def statistics(ema: float | None) -> list[bytes]:
        model = Model([Dense(5), BatchNorm(), Dense(3)], input_shape=(4,))
        model.fit(DATA, epochs=2, batch_size=8, ema=ema)
        return [x.tobytes() for x in flatten(model.buffers).values()]

    assert statistics(0.9) == statistics(None)


def test_out_of_range() -> None:
    with pytest.raises(ConfigError, match=r"^TrainingOptions: ema must be a number >= 0 and < 1,"):
        linear().fit(DATA, ema=1.0)
