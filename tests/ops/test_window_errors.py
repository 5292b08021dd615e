"""What convolutions, pools and upsampling refuse: each error and its text."""

from tests.lib import Lib
from tests.ops.refusals import Refusal, each, require
from xpcnn import ops
from xpcnn.errors import ConfigError, ShapeError

REFUSALS: list[Refusal] = [
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
        lambda z: ops.conv2d(z(1, 1, 8, 8), z(1, 1, 3, 3), stride=(1, 2, 3)),  # type: ignore[arg-type]  # on purpose
        ConfigError,
        "conv2d: stride is (1, 2, 3), expected a whole number of at least 1, or a pair\n"
        "Try: stride=2, or stride=(2, 1) for rows and columns",
    ),
    (
        lambda z: ops.conv2d(z(1, 1, 8, 8), z(1, 1, 3, 3), stride=(1.5, 2)),  # type: ignore[arg-type]  # on purpose
        ConfigError,
        "conv2d: stride is (1.5, 2), expected a whole number of at least 1, or a pair\n"
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
]


@each(REFUSALS)
def test_refusals(lib: Lib, refusal: Refusal) -> None:
    require(lib, refusal)
