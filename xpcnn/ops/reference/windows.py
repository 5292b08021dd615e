"""Windows that slide over images: their geometry, and the four operations that these ops share.

`pad` and `cut` lead from an image to the k-th element of all its windows at once; `place` and
`crop` are their adjoints, for gradients. No stride tricks, no writes.

Sizes: images (n, c, h, w), window (kh, kw), output (ho, wo).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from xpcnn.types import Array, device, namespace

Pair: TypeAlias = int | tuple[int, int]
Sides: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
Padding: TypeAlias = Pair | Sides | Literal["same", "valid"]


def pair(value: Pair) -> tuple[int, int]:
    """Return (height, width) of a hyperparameter that is one number or a pair."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def sides(
    padding: Padding,
    image: tuple[int, int],
    size: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
) -> Sides:
    """Return ((top, bottom), (left, right)), the padding of each side of an image of (h, w).

    "same" makes ceil(h / stride) windows, of which the last ends with the padding, and puts an odd
    row or column at the end: as Keras does, and SAME_UPPER of ONNX.
    """
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":
        around = []
        for n, k, s, d in zip(image, size, stride, dilation, strict=True):
            total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
            around.append((total // 2, total - total // 2))
        return around[0], around[1]
    if isinstance(padding, int):
        return (padding, padding), (padding, padding)
    rows, columns = padding
    return pair(rows), pair(columns)


def positions(length: int, k: int, stride: int, dilation: int, pad: int, ceil_mode: bool) -> int:
    """Return the number of windows along an axis with `pad` elements of padding in all.

    floor((length + pad - dilation*(k - 1) - 1) / stride) + 1; zero or less if no window fits.
    """
    last = length + pad - dilation * (k - 1) - 1  # where the last window could start
    return (-(-last // stride) if ceil_mode else last // stride) + 1


@dataclass(frozen=True)
class Windows:
    """The windows of one call: sizes per axis (height, width)."""

    image: tuple[int, int]
    size: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    sides: Sides
    out: tuple[int, int]

    @classmethod
    def of(
        cls,
        image: tuple[int, int],
        size: Pair,
        stride: Pair,
        padding: Padding,
        dilation: Pair,
        ceil_mode: bool = False,
    ) -> "Windows":
        """Return the windows over an image of (h, w)."""
        size, stride, dilation = pair(size), pair(stride), pair(dilation)
        around = sides(padding, image, size, stride, dilation)
        out = []
        for n, k, s, d, (before, after) in zip(image, size, stride, dilation, around, strict=True):
            count = positions(n, k, s, d, before + after, ceil_mode)
            # with ceil_mode, a last window that would start in the padding is dropped
            out.append(count - 1 if ceil_mode and (count - 1) * s >= n + before else count)
        return cls(image, size, stride, dilation, around, (out[0], out[1]))

    @property
    def overhang(self) -> tuple[int, int]:
        """Rows and columns by which windows of `ceil_mode` reach beyond image and padding."""
        reach = [
            (o - 1) * s + d * (k - 1) + 1 - (n + before + after)
            for n, o, k, s, d, (before, after) in zip(
                self.image, self.out, self.size, self.stride, self.dilation, self.sides, strict=True
            )
        ]
        return max(reach[0], 0), max(reach[1], 0)

    def offsets(self) -> Iterator[tuple[int, int]]:
        """Yield the (row, column) of every window element in the padded image, row-major."""
        for i in range(self.size[0]):
            for j in range(self.size[1]):
                yield i * self.dilation[0], j * self.dilation[1]

    def pad(self, x: Array, value: float, beyond: float | None = None) -> Array:
        """Surround x (n, c, h, w) with `value`; the overhang is filled with `beyond`."""
        (top, bottom), (left, right) = self.sides
        x = surround(x, (top, bottom), (left, right), value)
        down, across = self.overhang
        return surround(x, (0, down), (0, across), value if beyond is None else beyond)

    def crop(self, x: Array) -> Array:
        """Return the image without its padding: the adjoint of `pad`."""
        (top, _), (left, _) = self.sides
        h, w = self.image
        return x[:, :, top : top + h, left : left + w]

    def cut(self, x: Array, i: int, j: int) -> Array:
        """Return element (i, j) of every window of the padded x: (n, c, ho, wo)."""
        (ho, wo), (sh, sw) = self.out, self.stride
        return x[:, :, i : i + sh * (ho - 1) + 1 : sh, j : j + sw * (wo - 1) + 1 : sw]

    def place(self, y: Array, i: int, j: int) -> Array:
        """Return a padded image of zeros with y (n, c, ho, wo) at the pixels that `cut` reads.

        The adjoint of `cut`.
        """
        y = spread(y, self.stride)
        (top, bottom), (left, right) = self.sides
        down, across = self.overhang
        height = self.image[0] + top + bottom + down
        width = self.image[1] + left + right + across
        rows, columns = y.shape[2], y.shape[3]
        return surround(y, (i, height - i - rows), (j, width - j - columns), 0.0)


def surround(x: Array, rows: tuple[int, int], columns: tuple[int, int], value: float) -> Array:
    """Add rows (above, below) and columns (left, right) of `value` to x (n, c, h, w)."""
    xp = namespace(x)
    for axis, (before, after) in ((2, rows), (3, columns)):
        parts = [x]
        for count, at in ((before, 0), (after, 2)):
            if count:
                shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
                parts.insert(at, xp.full(shape, value, dtype=x.dtype, device=device(x)))
        if len(parts) > 1:
            x = xp.concat(parts, axis=axis)
    return x


def spread(y: Array, stride: tuple[int, int]) -> Array:
    """Insert stride - 1 zeros between neighbours of y (n, c, ho, wo)."""
    if stride == (1, 1):
        return y
    xp = namespace(y)
    n, c, ho, wo = y.shape
    sh, sw = stride
    y = xp.reshape(y, (n, c, ho, 1, wo, 1))
    for axis, gap in ((3, sh - 1), (5, sw - 1)):
        if gap:
            shape = (*y.shape[:axis], gap, *y.shape[axis + 1 :])
            y = xp.concat([y, xp.zeros(shape, dtype=y.dtype, device=device(y))], axis=axis)
    y = xp.reshape(y, (n, c, ho * sh, wo * sw))
    return y[:, :, : (ho - 1) * sh + 1, : (wo - 1) * sw + 1]
