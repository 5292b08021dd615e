"""Every refusal of the ops: its class and its text, the same on every library."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.lib import Lib, open_lib
from xpcnn import ops
from xpcnn.errors import BackendError, ConfigError, DTypeError, ShapeError, XpcnnError

Zeros = Callable[..., Any]

REFUSALS: list[tuple[Callable[[Zeros], object], type[XpcnnError], str]] = [
    # a call, given a function that makes zeros of a shape; the error; its text
    (
        lambda z: ops.relu(z(2, 3, dtype="int64")),
        DTypeError,
        "relu: x has dtype int64, expected float32 or float64\n"
        "Try: convert images once to float32 (a Model does it for you)",
    ),
    (
        lambda z: ops.dense(z(2, 3), z(3, 4, dtype="float32")),
        DTypeError,
        "dense: x has dtype float64 and w float32, expected one dtype\nTry: convert x to float32",
    ),
    (
        lambda z: ops.relu([1.0, 2.0]),
        BackendError,
        "relu: x is a list, expected an array\n"
        "Try: make an array of it first, e.g. numpy.asarray(..., dtype=numpy.float32)",
    ),
    # convolution
    (
        lambda z: ops.conv2d(z(3, 8, 8), z(4, 3, 3, 3)),
        ShapeError,
        "conv2d: x has shape (3, 8, 8), expected (n, c, h, w)\n"
        "Try: x[None, ...], if this is a single sample",
    ),
    (
        lambda z: ops.conv2d(z(1, 3, 8, 8), z(3, 3)),
        ShapeError,
        "conv2d: w has shape (3, 3), expected (filters, c/groups, kh, kw)\n"
        "Try: w with the axes (filters, c/groups, kh, kw)",
    ),
    (
        lambda z: ops.conv2d(z(1, 3, 8, 8), z(4, 1, 3, 3)),
        ShapeError,
        "conv2d: x has 3 channels, w expects 1\nTry: x with 1 channel, or weights made for 3",
    ),
    (
        lambda z: ops.conv2d(z(1, 8, 8, 3), z(4, 3, 3, 3)),
        ShapeError,
        "conv2d: x has 8 channels, w expects 3; x of shape (1, 8, 8, 3) looks channels-last "
        "(n, h, w, c)\nTry: xp.permute_dims(x, (0, 3, 1, 2))",
    ),
    (
        lambda z: ops.conv2d(z(1, 4, 8, 8), z(3, 2, 3, 3), groups=2),
        ConfigError,
        "conv2d: 3 filters cannot be split into 2 groups\n"
        "Try: a number of groups that divides the number of filters",
    ),
    (
        lambda z: ops.conv2d(z(1, 1, 8, 8), z(4, 1, 3, 3), z(3)),
        ShapeError,
        "conv2d: b has shape (3,), expected (4,): one entry per filter\nTry: give b the shape (4,)",
    ),
    (
        lambda z: ops.conv2d(z(1, 1, 4, 5), z(1, 1, 3, 3), padding=((0, 1), (0, 0)), dilation=3),
        ShapeError,
        "conv2d: a window of 7 x 7 does not fit into an image of 5 x 5 (h x w, padding included)\n"
        "Try: a smaller size or dilation, more padding, or fewer layers that shrink the image",
    ),
    (
        lambda z: ops.conv2d(z(1, 1, 8, 8), z(1, 1, 3, 3), stride=0),
        ConfigError,
        "conv2d: stride is 0, expected a whole number of at least 1, or a pair\n"
        "Try: stride=2, or stride=(2, 1) for rows and columns",
    ),
    (
        lambda z: ops.conv2d(z(1, 1, 8, 8), z(1, 1, 3, 3), dilation=(1, 0)),
        ConfigError,
        "conv2d: dilation is (1, 0), expected a whole number of at least 1, or a pair\n"
        "Try: dilation=2, or dilation=(2, 1) for rows and columns",
    ),
    (
        lambda z: ops.conv2d(z(1, 1, 8, 8), z(1, 1, 3, 3), padding="full"),  # type: ignore[arg-type]  # on purpose
        ConfigError,
        "conv2d: padding 'full' is unknown\nTry: a number, a pair, 'same' or 'valid'",
    ),
    (
        lambda z: ops.conv2d(z(1, 1, 8, 8), z(1, 1, 3, 3), padding=((0, -1), (0, 0))),
        ConfigError,
        "conv2d: padding is ((0, -1), (0, 0)), expected a number of at least 0, (rows, columns), "
        "((top, bottom), (left, right)), 'same' or 'valid'\n"
        "Try: padding=1, or padding='same' to keep the size",
    ),
    (
        lambda z: ops.conv_transpose2d(z(1, 3, 8, 8), z(4, 2, 3, 3)),
        ShapeError,
        "conv_transpose2d: x has 3 channels, w expects 4\n"
        "Try: x with 4 channels, or weights made for 3",
    ),
    (
        lambda z: ops.conv_transpose2d(z(1, 3, 8, 8), z(3, 2, 3, 3), groups=2),
        ConfigError,
        "conv_transpose2d: 3 channels cannot be split into 2 groups\n"
        "Try: a number of groups that divides the number of channels",
    ),
    (
        lambda z: ops.conv_transpose2d(z(1, 3, 8, 8), z(3, 2, 3, 3), z(3)),
        ShapeError,
        "conv_transpose2d: b has shape (3,), expected (2,): one entry per filter\n"
        "Try: give b the shape (2,)",
    ),
    (
        lambda z: ops.conv_transpose2d(z(1, 3, 1, 8), z(3, 2, 3, 3), padding=2),
        ShapeError,
        "conv_transpose2d: padding 2 cuts off the whole output, which would be -1 x 6\n"
        "Try: less padding",
    ),
    (
        lambda z: ops.conv_transpose2d(z(1, 3, 8, 8), z(3, 2, 3, 3), stride=2, output_padding=2),
        ConfigError,
        "conv_transpose2d: output_padding is 2, expected a whole number, less than the stride or "
        "dilation\nTry: output_padding=0, or 1 with stride=2",
    ),
    (
        lambda z: ops.upsample2d(z(1, 1, 2, 2), size=4, mode="cubic"),
        ConfigError,
        "upsample2d: mode is 'cubic', expected 'nearest' or 'bilinear'\nTry: mode='nearest'",
    ),
    (
        lambda z: ops.upsample2d(z(1, 1, 2, 2), size=0),
        ConfigError,
        "upsample2d: size is 0, expected a whole number of at least 1, or a pair\n"
        "Try: size=2, or size=(2, 1) for rows and columns",
    ),
    # pooling
    (
        lambda z: ops.max_pool2d(z(3, 8, 8), size=2),
        ShapeError,
        "max_pool2d: x has shape (3, 8, 8), expected (n, c, h, w)\n"
        "Try: x[None, ...], if this is a single sample",
    ),
    (
        lambda z: ops.avg_pool2d(z(8, 8), size=2),
        ShapeError,
        "avg_pool2d: x has shape (8, 8), expected (n, c, h, w)\nTry: x with the axes (n, c, h, w)",
    ),
    (
        lambda z: ops.max_pool2d(z(1, 1, 8, 8), size=(2, 0)),
        ConfigError,
        "max_pool2d: size is (2, 0), expected a whole number of at least 1, or a pair\n"
        "Try: size=2, or size=(2, 1) for rows and columns",
    ),
    (
        lambda z: ops.max_pool2d(z(1, 1, 8, 8), size=2, padding=2),
        ConfigError,
        "max_pool2d: with padding 2, a window of size 2 lies in the padding alone\n"
        "Try: less padding",
    ),
    (
        lambda z: ops.avg_pool2d(z(1, 1, 8, 8), size=2, divisor=0),
        ConfigError,
        "avg_pool2d: divisor is 0\nTry: divisor=None, for the number of elements",
    ),
    (
        lambda z: ops.global_avg_pool2d(z(2, 3)),
        ShapeError,
        "global_avg_pool2d: x has shape (2, 3), expected (n, c, h, w)\n"
        "Try: x with the axes (n, c, h, w)",
    ),
    (
        lambda z: ops.global_max_pool2d(z(2, 3, 0, 4)),
        ShapeError,
        "global_max_pool2d: x has shape (2, 3, 0, 4), an image without pixels\n"
        "Try: images of at least 1 x 1",
    ),
    (
        lambda z: ops.adaptive_avg_pool2d(z(2, 3, 4, 4), size=(2, 0)),
        ConfigError,
        "adaptive_avg_pool2d: size is (2, 0), expected a whole number of at least 1, or a pair\n"
        "Try: size=2, or size=(2, 1) for rows and columns",
    ),
    (
        lambda z: ops.adaptive_max_pool2d(z(2, 3, 0, 4), size=2),
        ShapeError,
        "adaptive_max_pool2d: x has shape (2, 3, 0, 4), an image without pixels\n"
        "Try: images of at least 1 x 1",
    ),
    # dense and shapes
    (
        lambda z: ops.dense(z(2, 3, 4, 4), z(48, 10)),
        ShapeError,
        "dense: x has shape (2, 3, 4, 4), expected (n, features)\n"
        "Try: flatten(x) first, in a network a Flatten() before the Dense layer",
    ),
    (
        lambda z: ops.dense(z(3), z(3, 4)),
        ShapeError,
        "dense: x has shape (3,), expected (n, features)\n"
        "Try: x[None, ...], if this is a single sample",
    ),
    (
        lambda z: ops.dense(z(2, 3), z(3)),
        ShapeError,
        "dense: w has shape (3,), expected (in, out)\nTry: w with the axes (in, out)",
    ),
    (
        lambda z: ops.dense(z(2, 3), z(4, 5)),
        ShapeError,
        "dense: x has 3 features, w expects 4\nTry: x with 4 features, or weights made for 3",
    ),
    (
        lambda z: ops.dense(z(2, 3), z(3, 5), z(3)),
        ShapeError,
        "dense: b has shape (3,), expected (5,): one entry per output\nTry: give b the shape (5,)",
    ),
    (
        lambda z: ops.reshape(z(2, 6), shape=(4, -1)),
        ShapeError,
        "reshape: a sample of shape (6,) (6 elements) does not fit (4, -1)\n"
        "Try: a shape of 6 elements, or -1 for one length that follows from the others",
    ),
    (
        lambda z: ops.reshape(z(2, 6), shape=(-1, -1)),
        ShapeError,
        "reshape: (-1, -1) is not a shape: lengths, of which one may be -1\n"
        "Try: a tuple of lengths such as (16, -1), all but one given",
    ),
    # normalisation and dropout
    (
        lambda z: ops.batch_norm(z(2, 3, 4), z(3), z(3)),
        ShapeError,
        "batch_norm: x has shape (2, 3, 4), expected (n, c, h, w) or (n, c)\n"
        "Try: x[None, ...], if this is a single sample",
    ),
    (
        lambda z: ops.batch_norm(z(2, 3), z(3), z(2)),
        ShapeError,
        "batch_norm: beta has shape (2,), expected (3,): one entry per channel\n"
        "Try: give beta the shape (3,)",
    ),
    (
        lambda z: ops.batch_norm(z(1, 3, 1, 1), None, None),
        ShapeError,
        "batch_norm: x of shape (1, 3, 1, 1) has one value per channel, and the variance of one "
        "value is 0\n"
        "Try: another batch size, so that the last batch has more than one sample",
    ),
    (
        lambda z: ops.batch_norm_inference(z(2, 3), None, None, z(3), z(1)),
        ShapeError,
        "batch_norm_inference: var has shape (1,), expected (3,): one entry per channel\n"
        "Try: give var the shape (3,)",
    ),
    (
        lambda z: ops.layer_norm(z(2, 3, 4, 4), None, None, axes=(0, 1)),
        ConfigError,
        "layer_norm: axes is (0, 1), expected axes from 1 on in rising order\n"
        "Try: axes=(1, 2, 3), all of images",
    ),
    (
        lambda z: ops.layer_norm(z(2, 3), None, None, axes=(1, 2)),
        ConfigError,
        "layer_norm: a batch of 2 axes has no axis 2\nTry: axes from 1 to 1",
    ),
    (
        lambda z: ops.layer_norm(z(2, 3, 4, 4), z(3), z(3), axes=(1, 3)),
        ShapeError,
        "layer_norm: gamma has shape (3,), expected (3, 4)\n"
        "Try: give gamma the lengths of x along its axes (1, 3)",
    ),
    (
        lambda z: ops.group_norm(z(3), None, None, groups=1),
        ShapeError,
        "group_norm: x has shape (3,), expected (n, c, ...)\n"
        "Try: x[None, ...], if this is a single sample",
    ),
    (
        lambda z: ops.group_norm(z(2, 3), None, None, groups=2),
        ConfigError,
        "group_norm: 3 channels cannot be split into 2 groups\n"
        "Try: a number of groups that divides the number of channels",
    ),
    (
        lambda z: ops.dropout(z(2, 3), z(2, 4), rate=0.5),
        ShapeError,
        "dropout: x has shape (2, 3) and uniform (2, 4), expected the same\n"
        "Try: give uniform the shape (2, 3)",
    ),
    (
        lambda z: ops.dropout(z(2, 3), z(2, 3), rate=1.0),
        ConfigError,
        "dropout: rate must be a number >= 0 and < 1, got 1\nTry: rate=0.1",
    ),
    (
        lambda z: ops.multiply(z(2, 3, 4, 4), z(2, 3)),
        ShapeError,
        "multiply: gate has shape (2, 3), expected as many axes as x of shape (2, 3, 4, 4), of its "
        "lengths or 1\nTry: the length of x along each axis, or 1 to share a number along it",
    ),
    (
        lambda z: ops.prelu(z(2, 3), z(2)),
        ShapeError,
        "prelu: slope has shape (2,), expected (1,) or (3,)\n"
        "Try: one slope for all, or one for each channel",
    ),
    # activations and softmax
    (
        lambda z: ops.gelu(z(2, 3), approximate="exact"),
        ConfigError,
        "gelu: approximate is 'exact', expected 'none' or 'tanh'\nTry: 'none', which is exact",
    ),
    (
        lambda z: ops.hard_tanh(z(2, 3), low=2.0),
        ConfigError,
        "hard_tanh: low is 2 and high 1, expected low <= high\nTry: low=-1.0, high=1.0",
    ),
    (
        lambda z: ops.softmax(z(2, 3), axis=2),
        ShapeError,
        "softmax: x of shape (2, 3) has no axis 2\nTry: axis=-1, the last one",
    ),
    (
        lambda z: ops.log_softmax(z(2, 3), axis=-3),
        ShapeError,
        "log_softmax: x of shape (2, 3) has no axis -3\nTry: axis=-1, the last one",
    ),
    # losses
    (
        lambda z: ops.softmax_cross_entropy(z(4), z(4, dtype="int64")),
        ShapeError,
        "softmax_cross_entropy: logits has shape (4,), expected (n, classes)\n"
        "Try: logits[None, ...], if this is a single sample",
    ),
    (
        lambda z: ops.softmax_cross_entropy(z(4, 3), z(4, 3, dtype="int64")),
        ShapeError,
        "softmax_cross_entropy: labels have shape (4, 3), expected (4,), one whole number per "
        "sample\nTry: one-hot labels: give their argmax, or floats to mean probabilities",
    ),
    (
        lambda z: ops.softmax_cross_entropy(z(4, 3), z(4)),
        ShapeError,
        "softmax_cross_entropy: labels are floats of shape (4,); probabilities are (n, classes)\n"
        "Try: whole numbers for classes: labels.astype('int64')",
    ),
    (
        lambda z: ops.softmax_cross_entropy(z(4, 3), z(4, dtype="int64"), z(4)),
        ShapeError,
        "softmax_cross_entropy: class_weights has shape (4,), expected (3,): one weight per class\n"
        "Try: give class_weights the shape (3,)",
    ),
    (
        lambda z: ops.softmax_cross_entropy(z(4, 3), z(4, dtype="int64"), label_smoothing=1.5),
        ConfigError,
        "softmax_cross_entropy: label_smoothing must be a number >= 0 and <= 1, got 1.5\n"
        "Try: label_smoothing=0.1",
    ),
    (
        lambda z: ops.bce_with_logits(z(4, 1), z(4)),
        ShapeError,
        "bce_with_logits: logits has shape (4, 1) and targets (4,), expected the same\n"
        "Try: give targets the shape (4, 1)",
    ),
    (
        lambda z: ops.mse(z(4, 1), z(4)),
        ShapeError,
        "mse: y has shape (4, 1) and targets (4,), expected the same\n"
        "Try: give targets the shape (4, 1)",
    ),
]


@pytest.mark.parametrize(("refused", "error", "text"), REFUSALS, ids=[t[:40] for *_, t in REFUSALS])
def test_refusals(lib: Lib, refused: Any, error: type[XpcnnError], text: str) -> None:
    def zeros(*shape: int, dtype: str = "float64") -> Any:
        return lib.asarray(numpy.zeros(shape, dtype))

    with pytest.raises(error) as caught:
        refused(zeros)
    assert str(caught.value) == text
    assert type(caught.value) is error


def test_parameters_of_pytorch_are_arrays_of_it() -> None:
    torch: Any = pytest.importorskip("torch")
    x, w = torch.ones(2, 3), torch.nn.Parameter(torch.ones(3, 1))
    for first, second in ((x, w), (torch.nn.Parameter(x), w.detach())):
        y, _ = ops.dense(first, second)
        assert y.tolist() == [[3.0], [3.0]]


def test_a_memory_map_is_an_array_but_no_matrix_or_mask_is(tmp_path: Path) -> None:
    mapped = numpy.memmap(tmp_path / "x", "float64", "w+", shape=(2, 3))
    w = numpy.ones((3, 1))
    assert ops.dense(mapped, w)[0].tolist() == [[0.0], [0.0]]
    for other, name in (
        (numpy.ma.masked_array(w, w > 0), "MaskedArray"),  # its mask would be ignored
        (w.view(numpy.matrix), "matrix"),  # its * is @
        (w.tolist(), "list"),
    ):
        with pytest.raises(BackendError, match=rf"dense: x is a numpy\.ndarray and w a .*{name}"):
            ops.dense(numpy.ones((2, 3)), other)


def test_a_dy_unlike_the_output_is_refused(lib: Lib) -> None:
    """One of float64 would make all gradients before it float64, at half the speed."""
    y, pullback = ops.relu(lib.asarray([-1.0, 2.0], "float32"))
    message = (
        "relu: the pullback got dy of dtype float64, expected float32, that of the output y\n"
        "Try: convert dy to float32; Python numbers as constants, not NumPy's float64"
    )
    with pytest.raises(DTypeError, match=f"^{re.escape(message)}$"):
        pullback(lib.asarray([1.0, 1.0], "float64"))
    other = numpy.ones(2, "float32")
    if lib.backend.array_type is numpy.ndarray:
        other = open_lib("array-api-strict").asarray(other)
    with pytest.raises(BackendError, match=r"^relu: the pullback got dy, a .*\nTry: move it there"):
        pullback(other)
    with pytest.raises(
        BackendError, match=r"^relu: the pullback got dy, a list, expected an array"
    ):
        pullback([1.0, 1.0])
    with pytest.raises(ShapeError, match=r"dy of shape \(\), expected \(2,\)"):
        pullback(1.0)
    (dx,) = pullback(y)
    assert lib.to_host(dx).tolist() == [0.0, 2.0]


def test_a_number_is_the_dy_of_a_number(lib: Lib) -> None:
    _, pullback = ops.mse(lib.asarray([1.0, 2.0], "float32"), lib.asarray([0.0, 0.0], "float32"))
    for one in (1, 1.0, lib.asarray(1.0, "float32")):
        assert lib.to_host(pullback(one)[0]).tolist() == [1.0, 2.0]
    with pytest.raises(DTypeError, match="dy of dtype float64"):
        pullback(lib.asarray(1.0))
