"""Mistakes in networks and with what goes through them: layers and ops. On every library."""

from tests.mistakes.mistake import Given, Mistake
from xpcnn import Model, ops
from xpcnn.errors import ArgumentError, BackendError, DTypeError, ShapeError, XpcnnError
from xpcnn.layers import (
    Activation,
    Context,
    Conv2D,
    Dense,
    Dropout,
    MaxPool2D,
    ReLU,
    Residual,
    Sequential,
)
from xpcnn.testing import check_gradients
from xpcnn.types import Array

LAYERS = [
    Mistake(
        "x of other channels",
        lambda b: b.forward(b.zeros(2, 3, 8, 8)),
        ShapeError,
        "conv2d: x has 3 channels, w expects 1\n"
        "at layers.0 (Conv2D): (2, 3, 8, 8)\n"
        "Try: x with 1 channel, or weights made for 3",
    ),
    Mistake(
        "channels-last x",
        lambda b: b.forward(b.zeros(2, 8, 8, 1)),
        ShapeError,
        "conv2d: x has 8 channels, w expects 1; x of shape (2, 8, 8, 1) looks channels-last "
        "(n, h, w, c)\n"
        "at layers.0 (Conv2D): (2, 8, 8, 1)\n"
        "Try: xp.permute_dims(x, (0, 3, 1, 2))",
    ),
    Mistake(
        "x without the axis of samples",
        lambda b: b.forward(b.zeros(1, 8, 8)),
        ShapeError,
        "conv2d: x has shape (1, 8, 8), expected (n, c, h, w)\n"
        "at layers.0 (Conv2D): (1, 8, 8)\n"
        "Try: x[None, ...], if this is a single sample",
    ),
    Mistake(
        "x of another size",
        lambda b: b.forward(b.zeros(2, 1, 12, 12)),
        ShapeError,
        "dense: x has 100 features, w expects 36\n"
        "at layers.4 (Dense): (2, 1, 12, 12) -> "
        "Conv2D + ReLU + MaxPool2D (2, 4, 5, 5) -> Flatten (2, 100)\n"
        "Try: x with 36 features, or weights made for 100",
    ),
    Mistake(
        "a kernel larger than x",
        lambda b: b.forward(b.zeros(2, 1, 2, 2)),
        ShapeError,
        "conv2d: a window of 3 x 3 does not fit into an image of 2 x 2 (h x w, padding included)\n"
        "at layers.0 (Conv2D): (2, 1, 2, 2)\n"
        "Try: a smaller size or dilation, more padding, or fewer layers that shrink the image",
    ),
    Mistake(
        "uint8 given to a layer",
        lambda b: b.forward(b.zeros(2, 1, 8, 8, dtype="uint8")),
        DTypeError,
        "conv2d: x has dtype uint8, expected float32 or float64\n"
        "at layers.0 (Conv2D): (2, 1, 8, 8)\n"
        "Try: convert images once to float32 (a Model does it for you)",
    ),
    Mistake(
        "float64 given to a layer of float32",
        lambda b: b.forward(b.zeros(2, 1, 8, 8, dtype="float64")),
        DTypeError,
        "conv2d: x has dtype float64 and w float32, expected one dtype\n"
        "at layers.0 (Conv2D): (2, 1, 8, 8)\n"
        "Try: convert x to float32",
    ),
    Mistake(
        "a list given to a layer",
        lambda b: b.forward([[0.0, 1.0]]),
        BackendError,
        "conv2d: x is a list, expected an array\n"
        "at layers.0 (Conv2D): ()\n"
        "Try: make an array of it first, e.g. numpy.asarray(..., dtype=numpy.float32)",
    ),
    Mistake(
        "an error deep inside",
        lambda b: deep(b, b.zeros(2, 2, 7, 9)),
        ShapeError,
        "dense: x has shape (2, 2, 7, 9), expected (n, features)\n"
        "at layers.1.body.layers.1 (Dense): (2, 2, 7, 9) -> ReLU (2, 2, 7, 9)\n"
        "at layers.1.body (Sequential): (2, 2, 7, 9)\n"
        "at layers.1 (Residual): (2, 2, 7, 9) -> ReLU (2, 2, 7, 9)\n"
        "Try: flatten(x) first, in a network a Flatten() before the Dense layer",
    ),
    Mistake(
        "a kernel larger than the samples of a new model",
        lambda b: Model([Conv2D(4, 3), MaxPool2D(2), Conv2D(4, 5)], input_shape=(1, 8, 8)),
        ShapeError,
        "Conv2D: a window of 5 x 5 does not fit into an image of 3 x 3 (h x w, padding included)\n"
        "at layers.2 (Conv2D): (1, 8, 8) -> Conv2D (4, 6, 6) -> MaxPool2D (4, 3, 3)\n"
        "Try: a smaller size or dilation, more padding, or fewer layers that shrink the image",
    ),
    Mistake(
        "a channels-last input_shape",
        lambda b: Model([Conv2D(4, 3), ReLU()], input_shape=(8, 8, 1)),
        ShapeError,
        "Conv2D: a window of 3 x 3 does not fit into an image of 8 x 1 (h x w, padding included)\n"
        "at layers.0 (Conv2D): (8, 8, 1)\n"
        "input_shape (8, 8, 1) looks channels-last\nTry: input_shape=(1, 8, 8)",
    ),
    Mistake(
        "no Flatten before Dense",
        lambda b: Model([Conv2D(8, 3), ReLU(), Dense(10)], input_shape=(1, 8, 8)),
        ShapeError,
        "Dense: samples have shape (8, 6, 6), expected (features,)\n"
        "at layers.2 (Dense): (1, 8, 8) -> Conv2D (8, 6, 6) -> ReLU (8, 6, 6)\n"
        "Try: a Flatten() layer before the Dense layer",
    ),
    Mistake(
        "a network that ends with images",
        lambda b: Model([Conv2D(8, 3)], input_shape=(1, 8, 8)),
        ShapeError,
        "the network makes (8, 6, 6) of a sample, expected a row of scores\n"
        "Try: a Flatten() and a Dense(classes) layer at its end",
    ),
]

TWO_LIBRARIES = [
    Mistake(
        "samples of another library than the model's",
        lambda b: b.model.predict(b.foreign(4, 1, 8, 8)),
        BackendError,
        "samples are a array_api_strict.Array; this model takes NumPy arrays and those of its "
        "backend 'numpy'\nTry: numpy.asarray(samples)",
    ),
    Mistake(
        "x of another library than the layers' parameters",
        lambda b: b.forward(b.foreign(4, 1, 8, 8)),
        BackendError,
        "conv2d: x is a array_api_strict.Array and w a numpy.ndarray\n"
        "at layers.0 (Conv2D): (4, 1, 8, 8)\n"
        "Try: move all to one library with Backend.from_host and Backend.to_host",
    ),
    Mistake(
        "x and w of two libraries",
        lambda b: ops.dense(b.zeros(2, 3), b.foreign(3, 4)),
        BackendError,
        "dense: x is a numpy.ndarray and w a array_api_strict.Array\n"
        "Try: move all to one library with Backend.from_host and Backend.to_host",
    ),
    Mistake(
        "an option of an op that does not exist",
        lambda b: ops.conv2d(b.zeros(2, 1, 4, 4), b.zeros(1, 1, 3, 3), pading=1),  # type: ignore[call-arg]
        ArgumentError,
        "conv2d has no argument 'pading'\n"
        "Try: 'padding' (valid: b, dilation, groups, padding, stride, w, x)",
    ),
    Mistake(
        "an option of an activation by another library's name",
        lambda b: ops.leaky_relu(b.zeros(2, 3), negative_slope=0.1),
        ArgumentError,
        "leaky_relu has no argument 'negative_slope'\nTry: leaky_relu(slope=0.1)",
    ),
    Mistake(
        "an option of an op without its name",
        lambda b: ops.max_pool2d(b.zeros(2, 1, 4, 4), 2),  # type: ignore[call-arg]
        ArgumentError,
        "max_pool2d: 2 arguments without a name, expected at most 1\n"
        "Try: the others by name: size=..., stride=..., padding=..., dilation=..., ceil_mode=...",
    ),
    Mistake(
        "an op without its weights",
        lambda b: ops.conv2d(b.zeros(2, 1, 4, 4)),  # type: ignore[call-arg]
        ArgumentError,
        "conv2d: w is missing\nTry: conv2d(w=...)",
    ),
    Mistake(
        "labels before the scores",
        lambda b: ops.softmax_cross_entropy(b.zeros(2, dtype="int64"), b.zeros(2, 3)),
        DTypeError,
        "softmax_cross_entropy: logits are whole numbers and labels are not\n"
        "Try: softmax_cross_entropy(scores, labels), the scores first",
    ),
    Mistake(
        "dropout without random numbers",
        lambda b: Dropout(0.5).forward({}, {}, b.zeros(2, 3), Context(training=True)),
        XpcnnError,
        "the layer: a random draw needs a Context with a source\n"
        "Try: Context(source=...), a function (path, forward_pass, shape) -> uniforms, as "
        "lambda path, forward_pass, shape: numpy.random.random(shape)",
    ),
    Mistake(
        "an activation by its name",
        lambda b: Activation("relu"),  # type: ignore[arg-type, call-arg]
        ArgumentError,
        "Activation: df is missing\n"
        "Try: Activation(f, df), a function and its derivative; ready ones are layers: ReLU()",
    ),
    Mistake(
        "the shape of a batch for that of a sample",
        lambda b: check_gradients(Conv2D(4, 3), (2, 3, 8, 8)),
        ShapeError,
        "Conv2D: samples have shape (2, 3, 8, 8), expected images (channels, height, width)\n"
        "Try: (3, 8, 8), the shape of one sample, without their number",
    ),
    Mistake(
        "logits and labels of two libraries",
        lambda b: ops.softmax_cross_entropy(b.zeros(2, 3), b.foreign(2, dtype="int64")),
        BackendError,
        "softmax_cross_entropy: logits is a numpy.ndarray and labels a array_api_strict.Array\n"
        "Try: move all to one library with Backend.from_host and Backend.to_host",
    ),
    Mistake(
        "random numbers of another library",
        lambda b: ops.dropout(b.zeros(2, 3), b.foreign(2, 3), rate=0.5),
        BackendError,
        "dropout: x is a numpy.ndarray and uniform a array_api_strict.Array\n"
        "Try: move all to one library with Backend.from_host and Backend.to_host",
    ),
    Mistake(
        "images and their mean of two libraries",
        lambda b: ops.normalise(b.foreign(2, 3), b.zeros(3), b.zeros(3)),
        BackendError,
        "normalise: x is a array_api_strict.Array and mean a numpy.ndarray\n"
        "Try: move all to one library with Backend.from_host and Backend.to_host",
    ),
]


def deep(given: Given, x: Array) -> Array:
    """Run a network that was made for rows on something else."""
    network = Sequential([ReLU(), Residual(Sequential([ReLU(), Dense(2)]))])
    made = Model(network, input_shape=(2,), backend=given.lib.backend)
    return network.forward(made.params, made.buffers, x, Context())
