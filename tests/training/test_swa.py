"""The mean of the weights over the ends of epochs, and the running statistics that belong to it."""

from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.lib import Host, Lib, open_lib
from tests.training.linear import batches, close, gradients, linear, rows, weights
from tests.training.test_resume import InterruptAfter
from xpcnn import Model
from xpcnn.errors import ConfigError
from xpcnn.layers import BatchNorm, Dense, Dropout, Layer
from xpcnn.optimizers import SGD
from xpcnn.training import Checkpoints
from xpcnn.types import flatten

DATA = rows(20)
LAYERS: list[Layer] = [Dense(5), BatchNorm(), Dense(3)]


def ends(model: Model, p: list[Host], epochs: int) -> list[list[Host]]:
    """Return the weights at the end of each epoch, by plain SGD with batches of 8."""
    seen = []
    for i, (x, labels) in enumerate(batches(model, DATA, epochs, 8), 1):
        p = [w - 0.5 * g for w, g in zip(p, gradients(p, x, labels), strict=True)]
        seen += [p] * (i % 3 == 0)
    return seen


@pytest.mark.parametrize("swa", [1, 2, 4])
def test_the_model_ends_with_the_mean_over_the_last_epochs(swa: int, lib: Lib) -> None:
    model = linear(backend=lib.backend)
    start = weights(model)
    model.fit(DATA, epochs=4, batch_size=8, optimizer=SGD(0.5), swa=swa)
    last = ends(model, start, 4)[swa - 1 :]
    assert close(weights(model), [sum(p) / len(last) for p in zip(*last, strict=True)])


def test_before_it_begins_and_in_the_middle_of_epochs(tmp_path: Path) -> None:
    """Validated is the mean so far; before the first of its epochs has ended, the weights."""
    model = linear()
    start = weights(model)
    steps: dict[str, Any] = {"batch_size": 8, "optimizer": SGD(0.5), "validate_every": 1}
    history = model.fit(DATA, epochs=3, validation=DATA, swa=2, **steps)
    plain = linear().fit(DATA, epochs=3, validation=DATA, **steps)
    averaged, own = (numpy.asarray([v.loss for v in h.validations]) for h in (history, plain))
    numpy.testing.assert_array_equal(averaged[:6], own[:6])  # that of epoch 2 alone is its own
    assert (averaged[6:8] == averaged[5]).all()  # until another epoch has ended
    assert averaged[8] not in own
    one, two = ends(model, start, 3)[1:]
    assert close(weights(model), [(a + b) / 2 for a, b in zip(one, two, strict=True)])


def test_statistics_are_those_of_the_mean_weights() -> None:
    """The mean over the whole batches of 8 of what Dense(5) gives."""
    model = Model(LAYERS, input_shape=(4,), dtype="float64")
    model.fit(DATA, epochs=3, batch_size=8, swa=2)
    held, found = flatten(model.params), flatten(model.buffers)
    x = (DATA[0] - numpy.asarray(model.mean)) / numpy.asarray(model.std)
    y = (x @ held["layers.0.weight"] + held["layers.0.bias"])[:16].reshape(2, 8, 5)
    numpy.testing.assert_allclose(found["layers.1.mean"], y.mean(axis=(0, 1)), rtol=1e-12)
    variance = y.var(axis=1, ddof=1).mean(axis=0)
    numpy.testing.assert_allclose(found["layers.1.var"], variance, rtol=1e-12)


def test_equal_to_pytorch() -> None:
    torch = pytest.importorskip("torch")
    model = Model(LAYERS, input_shape=(4,), dtype="float64")
    theirs = torch.nn.Sequential(
        torch.nn.Linear(4, 5), torch.nn.BatchNorm1d(5), torch.nn.Linear(5, 3)
    )
    theirs = theirs.double()
    names = {"0.weight": "0.weight", "0.bias": "0.bias", "1.weight": "1.gamma", "1.bias": "1.beta"}
    names |= {"2.weight": "2.weight", "2.bias": "2.bias"}
    held = flatten(model.params)
    with torch.no_grad():
        for name, p in theirs.named_parameters():
            p.copy_(torch.asarray(held[f"layers.{names[name]}"].T.copy()))
    model.fit(DATA, epochs=3, batch_size=8, optimizer=SGD(0.1), swa=2)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1)
    mean = torch.optim.swa_utils.AveragedModel(theirs)
    for i, (x, labels) in enumerate(batches(model, DATA, 3, 8), 1):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(
            theirs(torch.asarray(x)), torch.asarray(labels)
        ).backward()
        optimizer.step()
        if i in (6, 9):
            mean.update_parameters(theirs)
    x = torch.asarray((DATA[0] - numpy.asarray(model.mean)) / numpy.asarray(model.std))
    torch.optim.swa_utils.update_bn([x[:8], x[8:16]], mean)
    mean.eval()
    expected = mean(x).detach().numpy()
    numpy.testing.assert_allclose(model.predict_scores(DATA[0]), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("step", [2, 3, 5, 6])
def test_resumed(step: int, tmp_path: Path) -> None:
    check_resumed(step, tmp_path, open_lib("numpy"))


def test_resumed_with_a_mean_on_every_library(tmp_path: Path, lib: Lib) -> None:
    check_resumed(7, tmp_path, lib)


def check_resumed(step: int, tmp_path: Path, lib: Lib) -> None:
    """Require the bits of a run that is not interrupted after an update."""

    def trained(**more: Any) -> list[bytes]:
        layers: list[Layer] = [Dense(4), BatchNorm(), Dropout(0.2), Dense(3)]
        model = Model(layers, input_shape=(4,), backend=lib.backend)
        model.fit(DATA, epochs=3, batch_size=8, swa=2, validation=DATA, keep_best=True, **more)
        arrays = flatten(model.params) | flatten(model.buffers)
        return [lib.to_host(x).tobytes() for x in arrays.values()]

    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        trained(checkpoints=checkpoints, callbacks=[InterruptAfter(step)])
    assert trained(checkpoints=checkpoints, resume=True) == trained()


def test_a_finished_run_goes_on(tmp_path: Path) -> None:
    """The mean does not depend on the number of epochs."""
    long, short = linear(), linear()
    options: dict[str, Any] = {"batch_size": 8, "swa": 2}
    long.fit(DATA, epochs=4, **options)
    short.fit(DATA, epochs=2, checkpoints=Checkpoints(tmp_path), **options)
    short = linear()
    short.fit(DATA, epochs=4, checkpoints=Checkpoints(tmp_path), resume=True, **options)
    for got, expected in zip(weights(short), weights(long), strict=True):
        assert got.tobytes() == expected.tobytes()


def test_frozen_statistics_stay() -> None:
    model = Model(LAYERS, input_shape=(4,))
    before = {path: x.copy() for path, x in flatten(model.buffers).items()}
    model.fit(DATA, epochs=2, batch_size=8, swa=1, freeze=["layers.1.*"])
    assert all((x == before[path]).all() for path, x in flatten(model.buffers).items())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"swa": 0}, "swa is 0, expected a whole number of at least 1\nTry: swa="),
        ({"swa": 5}, "swa=5 begins after the last of 4 epochs\nTry: swa=3"),
        ({"swa": 2, "ema": 0.9}, "ema and swa are both given\nTry: one of the two"),
    ],
)
def test_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        linear().fit(DATA, epochs=4, **options)
    assert str(caught.value).startswith(text)
