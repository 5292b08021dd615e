"""What is verified before anything is timed: planted faults are seen, rounding is none."""

from typing import Any

import numpy
import pytest

from xpcnn.benchmark import Case, opened
from xpcnn.errors import XpcnnError
from xpcnn.layers import BatchNorm, Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU
from xpcnn.model import Model

torch: Any = pytest.importorskip("torch", reason="needs PyTorch")
verify: Any = pytest.importorskip("xpcnn.benchmark.pytorch.verification")
magnitude: Any = pytest.importorskip("xpcnn.benchmark.pytorch.magnitude")

XOR = opened(Case("xor", 4, "train"))


def test_both_sides_agree() -> None:
    """Also where the gradient of a bias cancels, as before a batch normalisation."""
    network: list[Layer] = [Conv2D(4, 3), BatchNorm(), ReLU(), MaxPool2D(2), Flatten(), Dense(3)]
    model = Model(network, input_shape=(1, 8, 8))
    x = numpy.random.default_rng(0).standard_normal((5, 1, 8, 8), "float32")
    verify.verify(model, x, numpy.arange(5) % 3)
    verify.verify(*XOR)


def test_few_images_repeated_stand_for_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Float32, which is timed, has the whole batch; PyTorch computes two images of it."""
    network: list[Layer] = [Conv2D(4, 3), BatchNorm(), ReLU(), Flatten(), Dense(3)]
    model = Model(network, input_shape=(1, 8, 8))
    x = numpy.random.default_rng(0).standard_normal((6, 1, 8, 8), "float32")
    seen = []
    right = verify.computed_by_us

    def noted(model: Model, x: Any, labels: Any, dtype: str) -> Any:
        seen.append((dtype, len(x), len(labels)))
        return right(model, x, labels, dtype)

    monkeypatch.setattr(verify, "computed_by_us", noted)
    verify.verify(model, x, numpy.arange(6) % 3, 2)
    assert seen == [("float64", 2, 2), ("float32", 6, 6)]


@pytest.mark.parametrize(
    ("name", "dtype", "planted"),
    [
        ("gradient of layers.1.weight", "float64", 1e-5),
        ("loss", "float64", 1e-5),
        ("scores in inference", "float64", 1e-5),
        ("gradient of layers.1.weight", "float32", 1e-3),
        ("scores in inference", "float32", 1e-3),
    ],
)
def test_a_planted_error_is_seen(
    name: str, dtype: str, planted: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = verify.computed_by_us

    def off(*arguments: Any) -> Any:
        for what, value in right(*arguments):
            factor = 1 + planted if (what, arguments[-1]) == (name, dtype) else 1.0
            yield what, value * factor

    monkeypatch.setattr(verify, "computed_by_us", off)
    with pytest.raises(XpcnnError, match=f"{dtype} {name} is not PyTorch's: off by .*, bound "):
        verify.verify(*XOR)


def test_not_a_number_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "gradients", lambda *case: (float("nan"), {}))
    assert "float64 loss is not PyTorch's: off by nan" in verify.difference(*XOR)


def test_infinity_in_pytorch_verifies_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an infinite magnitude every result of ours would agree."""
    (first, *others), roundings = verify.computed_by_pytorch(*XOR)
    expected = [first._replace(magnitude=numpy.inf), *others], roundings
    monkeypatch.setattr(verify, "computed_by_pytorch", lambda *case: expected)
    message = "scores in inference: infinite or NaN in PyTorch: nothing to compare with"
    assert verify.difference(*XOR) == message


def test_one_batch_of_several_has_to_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    found = iter(["a kink", "a kink", "a kink", "a kink", ""])
    monkeypatch.setattr(verify, "difference", lambda *case: next(found))
    verify.verify(*XOR)
    found = iter(["a fault"] * 5)
    with pytest.raises(XpcnnError, match="a fault\nTry: report it"):
        verify.verify(*XOR)


def test_magnitudes_by_hand() -> None:
    """y = w x + b with x = (1, -2), (3, 1): w 1 -1, b 2; dy = 1, -1."""
    layer = torch.nn.Linear(2, 1)
    layer.weight.data, layer.bias.data = torch.tensor([[1.0, -1.0]]), torch.tensor([2.0])
    found = magnitude.Magnitudes(torch.nn.Sequential(layer))
    y = layer(torch.tensor([[1.0, -2.0], [3.0, 1.0]]))
    y.backward(torch.tensor([[1.0], [-1.0]]))
    assert layer.weight.grad.tolist() == [[-2.0, -3.0]]
    assert found.of_gradients() == [4.0, 2.0]  # |1| + |3| and |-2| + |1|; |1| + |-1|
    assert found.of_scores() == 6.0  # of 1 + 2 + 2 and 3 + 1 + 2
    assert found.of_loss() == (1 + 2) * 6.0
    assert found.roundings() == pytest.approx(4 * (6 + 2 * 2**0.5))


def test_magnitudes_of_batch_normalisation_by_hand() -> None:
    """x = -1, 1 is its own normal form; the gradients dy x and dy cancel, their terms do not."""
    layer = torch.nn.BatchNorm2d(1, eps=1e-30)
    dy = torch.tensor([[[[2.0]]], [[[2.0]]]])
    x = torch.tensor([[[[-1.0]]], [[[1.0]]]])
    assert [float(g) for g in magnitude.terms(layer, x, dy)] == [4.0, 4.0]


def near_a_kink() -> Any:
    """x0 - x1 of equal elements, then ReLU: rounding decides whether a gradient passes."""
    model = Model([Dense(1), ReLU(), Dense(2)], input_shape=(2,))
    weights = model.get_weights()
    weights["layers.0.weight"] = numpy.array([[1.0], [-1.0]], "f4")
    model.set_weights(weights)
    x = numpy.array([[1.5, 1.5], [1.5, 1.5], [2.0, 1.0], [3.0, 1.0]], "f4")
    return model, x, numpy.arange(4) % 2


def test_what_float32_can_tell_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PyTorch's own float32 takes another way at a kink, ours may; elsewhere it may not."""
    case = near_a_kink()
    expected, _ = verify.computed_by_pytorch(*case)
    assert verify.error_of_pytorch(*case, expected) > 0.1
    expected, _ = verify.computed_by_pytorch(*XOR)
    assert verify.error_of_pytorch(*XOR, expected) < 1e-5

    right = verify.computed_by_us

    def off(*arguments: Any) -> Any:
        for what, value in right(*arguments):
            chosen = what.endswith("bias") and arguments[-1] == "float32"
            yield what, value + 0.05 if chosen else value

    monkeypatch.setattr(verify, "computed_by_us", off)
    assert "bias is not PyTorch's" in verify.difference(*XOR)
    assert verify.difference(*case) == ""


def test_the_longest_sum_of_a_layer() -> None:
    """Forward over the channels of a group and the window, backward over its filters."""
    y = torch.zeros(1, 4, 1, 1)
    conv = torch.nn.Conv2d(64, 4, 3, groups=2)
    assert magnitude.longest(conv, y) == 32 * 9
    assert magnitude.longest(torch.nn.Conv2d(64, 256, 1), y) == 256
    assert magnitude.longest(torch.nn.Linear(7, 5), torch.zeros(1, 5)) == 7
    assert magnitude.longest(torch.nn.BatchNorm2d(4), torch.zeros(2, 4, 5, 5)) == 50
