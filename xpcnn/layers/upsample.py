"""The upsampling layer."""

from dataclasses import dataclass

from xpcnn import ops
from xpcnn.initializers import Draw
from xpcnn.layers.base import Context, without_parameters
from xpcnn.layers.conv import check_image
from xpcnn.ops.hyperparameter_checks import check_pair, make_plain
from xpcnn.ops.reference.windows import Pair, pair
from xpcnn.ops.upsample import check_mode
from xpcnn.types import Array, LayerPullback, Params, Shape


@dataclass(frozen=True)
class Upsample:
    """Make images larger by whole factors: (c, h, w) -> (c, h * factor, w * factor).

    Backward: dy is added to the pixels from which y was computed, with the same weights.
    Formulas: `help(xpcnn.ops.upsample2d)`.

    factor: one number or (rows, columns), at least 1.
    mode: "nearest" repeats each pixel; "bilinear" interpolates linearly between the centres
        of pixels (`align_corners=False` in PyTorch).

    Raises:
        ConfigError: an argument is out of range.
        ShapeError: samples are not images (in `init`).
    """

    factor: Pair = 2
    mode: str = "nearest"

    def __post_init__(self) -> None:
        make_plain(self, "factor")
        check_pair("Upsample", "factor", self.factor)
        check_mode("Upsample", self.mode)

    def init(self, shape: Shape, draw: Draw) -> tuple[Params, Params, Shape]:
        check_image("Upsample", shape)
        c, h, w = shape
        return {}, {}, (c, *self._size(h, w))

    def _size(self, h: int, w: int) -> tuple[int, int]:
        rows, columns = pair(self.factor)
        return h * rows, w * columns

    def forward(
        self, params: Params, buffers: Params, x: Array, ctx: Context
    ) -> tuple[Array, Params, LayerPullback]:
        size = self._size(x.shape[2], x.shape[3])
        return without_parameters(*ops.upsample2d(x, size=size, mode=self.mode))
