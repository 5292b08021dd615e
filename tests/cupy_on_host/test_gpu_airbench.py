"""The recipe of `examples/cifar10_airbench.py` and its PyTorch version make the same steps."""

import sys
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy
import pytest

from tests.gpu.networks import images
from tests.gpu.section import ROOT, Options, Skipped
from xpcnn.data import Dataset

WIDTHS, N = (4, 6, 6), 12


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT / "examples")
    yield import_module("cifar10_airbench")
    for name in ("cifar10_airbench", "figure"):
        sys.modules.pop(name, None)


@pytest.fixture
def data() -> Dataset:
    return images((3, 32, 32), 10, N)


def test_the_first_filters_make_pixels_uncorrelated(example: Any) -> None:
    x = numpy.random.default_rng(0).standard_normal((50, 3, 8, 8)).cumsum(axis=3)
    filters = example.whitening(x.astype("f4"))
    assert filters.shape == (24, 3, 2, 2)
    numpy.testing.assert_array_equal(filters[12:], -filters[:12])
    windows = numpy.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(2, 3))
    y = numpy.einsum("nchwij,fcij->fnhw", windows, filters[:12]).reshape(12, -1)
    numpy.testing.assert_allclose(y @ y.T / y.shape[1], numpy.eye(12), atol=0.01)


def test_both_make_the_same_steps(
    example: Any, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without augmentation, in one batch an epoch: the weights, and the accuracy over views."""
    pytest.importorskip("torch")
    torch_side = import_module("tests.gpu.airbench_torch")
    monkeypatch.setattr(torch_side, "cropped", lambda x, mirrored: x)
    training = replace(example.TRAINING, epochs=3, batch_size=N, augment=())
    model, other = (example.model_for(data, 3, WIDTHS, dtype="float64") for _ in range(2))
    before = model.get_weights()
    side = torch_side.Airbench(other, training, "cpu")
    side.fit(data)
    model.fit(data, training)
    after = model.get_weights()
    names = {"weight": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}
    assert len(list(side.module.parameters())) == 21
    for path, ours in after.items():
        _, number, name = path.split(".")
        if name in names:
            theirs = getattr(side.module[int(number)], names[name]).detach().numpy()
            same = theirs.T if path == example.LAST else theirs
            numpy.testing.assert_allclose(ours, same, rtol=0.0, atol=1e-9, err_msg=path)
            is_fixed = path == "layers.0.weight" or name == "gamma"
            assert numpy.array_equal(ours, before[path]) is is_fixed
    assert example.accuracy(model, data) == side.accuracy(data, data)


def test_mirror_images_and_crops_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    torch_side = import_module("tests.gpu.airbench_torch")
    x = torch.arange(2.0 * 36).reshape(2, 1, 6, 6) + 1
    seen = set()
    for seed in range(400):
        torch.manual_seed(seed)
        y = torch_side.cropped(x, torch.tensor([False, True]))
        for image, source in zip(y, (x[0], x[1].flip(2)), strict=True):
            framed = torch.nn.functional.pad(source, (2, 2, 2, 2))
            places = [
                (i, j)
                for i in range(5)
                for j in range(5)
                if torch.equal(framed[:, i : i + 6, j : j + 6], image)
            ]
            assert len(places) == 1
            seen.update(places)
    assert len(seen) == 25


def test_it_needs_data() -> None:
    section = import_module("tests.gpu.airbench")
    with pytest.raises(Skipped, match="--data says where the data sets are"):
        section.parts(Options("numpy", None, quick=False, seconds=3600.0))


def test_what_is_told() -> None:
    section = import_module("tests.gpu.airbench")
    options = Options("cupy", None, quick=False, seconds=3600.0)
    seconds = {"xpcnn": [9.0, 2.0, 2.0], "PyTorch": [9.0, 3.0, 5.0]}
    accuracies = {"xpcnn": [0.1, 0.94, 0.94], "PyTorch": [0.9, 0.942, 0.941]}
    fact, problem = section.figures(seconds, accuracies, options)
    assert fact["times as fast as PyTorch"] == 2.0
    assert problem is None
    fact, problem = section.figures(seconds, accuracies | {"PyTorch": [0, 0.95, 0.94]}, options)
    assert problem == "the mean accuracy is 0.50% below PyTorch's"
    fact, problem = section.figures({name: [1.0] for name in seconds}, accuracies, options)
    assert fact["left out"] == "the time was used up"
