"""Weights of a file for another model: by the path and the shapes of layers."""

from pathlib import Path

import numpy
import pytest

import xpcnn
from xpcnn import Model
from xpcnn.errors import CheckpointError
from xpcnn.layers import BatchNorm, Conv2D, Dense, Flatten, Layer, ReLU
from xpcnn.types import flatten


def network(classes: int, filters: int = 2) -> list[Layer]:
    return [Conv2D(filters, 3), BatchNorm(), ReLU(), Flatten(), Dense(classes)]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    model = Model(network(3), input_shape=(1, 5, 5), seed=1)
    model.mean, model.std = (0.25,), (2.0,)
    model.buffers["layers.1"]["mean"] = numpy.asarray([5.0, 6.0], numpy.float32)
    model.save(tmp_path / "m.safetensors")
    return tmp_path / "m.safetensors"


def test_another_number_of_classes_gets_a_new_head(saved: Path) -> None:
    model = Model(network(4), input_shape=(1, 5, 5), seed=2, classes=tuple("abcd"))
    fresh, source = flatten(model.params), flatten(xpcnn.load(saved).params)
    report = xpcnn.load_weights(model, saved)
    assert str(report) == (
        f"weights of {saved}: 2 of 3 layers\n"
        "new weights: layers.4 (weight is (18, 4), in the file (18, 3))\n"
        "mean and standard deviation of the samples: those of the file"
    )
    now = flatten(model.params)
    for name, x in now.items():
        wanted = fresh if name.startswith("layers.4.") else source
        numpy.testing.assert_array_equal(x, wanted[name])
    assert model.buffers["layers.1"]["mean"].tolist() == [5.0, 6.0]
    assert (model.mean, model.std, model.classes) == ((0.25,), (2.0,), tuple("abcd"))


@pytest.mark.parametrize(
    ("classes", "same"),
    [("012", True), ("210", False), ("013", False), (None, True)],
    ids=["same", "another order", "another name", "not known"],
)
def test_as_many_other_classes_get_a_new_head(
    tmp_path: Path, classes: str | None, same: bool
) -> None:
    path = tmp_path / "named.safetensors"
    Model(network(3), input_shape=(1, 5, 5), seed=1, classes=tuple("012")).save(path)
    names = None if classes is None else tuple(classes)
    model = Model(network(3), input_shape=(1, 5, 5), seed=2, classes=names)
    fresh = flatten(model.params)["layers.4.weight"]
    report = xpcnn.load_weights(model, path)
    assert report.new == ({} if same else {"layers.4": "other classes"})
    assert (flatten(model.params)["layers.4.weight"] is fresh) != same


def test_a_head_alone_is_not_taken_for_other_classes(tmp_path: Path) -> None:
    path = tmp_path / "linear.safetensors"
    Model([Dense(3)], input_shape=(4,), classes=tuple("abc")).save(path)
    model = Model([Dense(3)], input_shape=(4,), classes=tuple("abd"))
    with pytest.raises(CheckpointError, match="its classes are others"):
        xpcnn.load_weights(model, path)


def test_a_layer_takes_all_of_its_tensors_or_none(saved: Path) -> None:
    """The bias of a convolution over other channels would fit alone."""
    model = Model([*network(3)[:4], Dense(7), Dense(3)], input_shape=(2, 5, 5), dtype="float64")
    before = flatten(model.params)["layers.0.bias"]
    report = xpcnn.load_weights(model, saved)
    assert report.taken == ("layers.1",)
    assert report.new == {
        "layers.0": "weight is (2, 2, 3, 3), in the file (2, 1, 3, 3)",
        "layers.4": "weight is (18, 7), in the file (18, 3)",
        "layers.5": "not in the file",
    }
    assert flatten(model.params)["layers.0.bias"] is before
    assert flatten(model.params)["layers.1.gamma"].dtype == numpy.float64
    assert not report.normalised
    assert model.mean is None
    assert "taken from the new data" in str(report)


def test_layers_that_only_the_file_has_are_listed(saved: Path) -> None:
    model = Model([*network(3)[:2], Flatten()], input_shape=(1, 5, 5))
    report = xpcnn.load_weights(model, saved)
    assert report.unused == ("layers.4",)
    assert "\nnot used from the file: layers.4\n" in str(report)


def test_a_file_of_which_nothing_fits_is_rejected(saved: Path) -> None:
    model = Model([Dense(3)], input_shape=(4,))
    with pytest.raises(CheckpointError) as caught:
        xpcnn.load_weights(model, saved)
    assert str(caught.value) == (
        f"{saved}: no layer has the path and the shapes of one of the model\n"
        "Try: the file of a model with layers in common"
    )
