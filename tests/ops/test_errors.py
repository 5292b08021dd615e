"""What ops of rows and of numbers refuse, normalisation and losses: each error and its text."""

from tests.lib import Lib
from tests.ops.refusals import Refusal, each, require
from xpcnn import ops
from xpcnn.errors import BackendError, ConfigError, DTypeError, ShapeError

REFUSALS: list[Refusal] = [
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


@each(REFUSALS)
def test_refusals(lib: Lib, refusal: Refusal) -> None:
    require(lib, refusal)
