"""Convolutions as graphs of cuDNN: forward with bias and ReLU, dx and dw; and the engines for them.

    forward   y = relu(conv(x, w) + b), one graph of up to three operations
    dx, dw    from dy and w, and from x and dy

What lies between operations is virtual: no memory holds it. Groups follow from the shapes of x and
w. An engine is an algorithm of cuDNN with its settings; its notes say how it rounds.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from .cudnn import Api, Descriptor
from .cudnn_numbers import VALUES

DTYPES = {"float32": "DATA_FLOAT", "float16": "DATA_HALF", "bfloat16": "DATA_BFLOAT16"}
ALIGNMENT = 16  # bytes that the addresses of all arrays are a multiple of
NOTES = {
    number: name.removeprefix("NUMERICAL_NOTE_")
    for name, number in VALUES.items()
    if name.startswith("NUMERICAL_NOTE_")
}
IDS = {"x": 1, "w": 2, "y": 3, "b": 4}  # any numbers, which name the arrays; dx is "x", and so on

Shape = tuple[int, ...]
Pair = tuple[int, int]


class Convolution(NamedTuple):
    """What one call of cuDNN computes.

    direction: "forward", "dx" or "dw".
    dtype: of all arrays, a name of `DTYPES`; sums are of float32.
    tf32: whether factors of float32 may be rounded to TF32.
    image, filters, out: shapes of x (n, c, h, w), w (f, c / groups, kh, kw) and y (n, f, ho, wo).
    before, after: rows and columns of padding.
    bias, rectify: whether the forward pass adds a bias (f,), and ends with ReLU.
    """

    direction: str
    dtype: str
    tf32: bool
    image: Shape
    filters: Shape
    out: Shape
    stride: Pair
    before: Pair
    after: Pair
    dilation: Pair
    bias: bool = False
    rectify: bool = False

    def shape(self, name: str) -> Shape:
        """Return the shape of the array that has a name of `IDS`; of b (1, f, 1, 1)."""
        bias = 1, self.filters[0], 1, 1
        return {"x": self.image, "w": self.filters, "y": self.out, "b": bias}[name]

    @property
    def arrays(self) -> tuple[str, ...]:
        """The names of the arrays, the result last."""
        inputs = {"forward": "xwb" if self.bias else "xw", "dx": "yw", "dw": "xy"}
        return (*inputs[self.direction], {"forward": "y", "dx": "x", "dw": "w"}[self.direction])

    def __str__(self) -> str:
        """Say which convolution it is, with everything that tells it from others."""
        shapes = " ".join("x".join(map(str, shape)) for shape in (self.image, self.filters))
        sides = [*zip(self.before, self.after, strict=True)]
        more = f"stride {self.stride} padding {sides} dilation {self.dilation}"
        kind = f"{self.dtype}{' tf32' * self.tf32}{' bias' * self.bias}{' relu' * self.rectify}"
        return f"{self.direction} {shapes} {more} {kind}"


class Engine(NamedTuple):
    """An engine that cuDNN proposes: its number, its settings, and the notes on it."""

    number: int
    config: Descriptor
    notes: frozenset[str]


def strides(shape: Shape, order: str) -> Shape:
    """Return the steps between elements of a dense array, whose axes lie in memory in an order."""
    axes = (0, 1, 2, 3) if order == "NCHW" else (0, 2, 3, 1)
    found = dict.fromkeys(axes, 0)
    for place, axis in enumerate(axes):
        found[axis] = math.prod(shape[inner] for inner in axes[place + 1 :])
    return tuple(found[axis] for axis in range(4))


def graph_of(api: Api, convolution: Convolution, order: str, handle: Any = None) -> Descriptor:
    """Return the graph.

    order: of the images in memory, "NCHW" or "NHWC"; of the filters accordingly.
    handle: of the device, None to plan for one that is not here.

    Raises:
        CudnnError: cuDNN has no such convolution.
    """
    made = _Tensors(api, convolution, order)
    operations = list(_operations(api, convolution, made))
    on = {} if handle is None else {"OPERATIONGRAPH_HANDLE": handle}
    return Descriptor(api, "OPERATIONGRAPH", {**on, "OPERATIONGRAPH_OPS": operations})


def engines(
    api: Api, graph: Descriptor, mode: str = "A", device: Descriptor | None = None
) -> Iterator[Engine]:
    """Yield the engines that cuDNN proposes for a graph, those first that it expects to be fastest.

    mode: "A", or "FALLBACK" for slower ones that serve more.
    device: properties of the device, if the graph has no handle.

    Raises:
        CudnnError: it has none.
    """
    told = {} if device is None else {"ENGINEHEUR_DEVICEPROP": device}
    given = {"ENGINEHEUR_OPERATION_GRAPH": graph, "ENGINEHEUR_MODE": f"HEUR_MODE_{mode}"}
    proposed = Descriptor(api, "ENGINEHEUR", {**given, **told})
    for config in proposed.get_descriptors("ENGINEHEUR_RESULTS", "ENGINECFG"):
        [engine] = config.get_descriptors("ENGINECFG_ENGINE", "ENGINE")
        [number] = engine.get("ENGINE_GLOBAL_INDEX")
        notes = frozenset(map(note_of, engine.get("ENGINE_NUMERICAL_NOTE")))
        yield Engine(number, config, notes)


def note_of(number: int) -> str:
    """Return the name of a note on how an engine rounds, also of one that is not known here."""
    return NOTES.get(number, f"note {number}")


def plan_of(
    api: Api, config: Descriptor, handle: Any = None, device: Descriptor | None = None
) -> tuple[Descriptor, int]:
    """Return what executes an engine, and the bytes of memory that it needs beside its arrays.

    Raises:
        CudnnError: the engine does not serve this case.
    """
    on = {"EXECUTION_PLAN_DEVICEPROP": device} if handle is None else None
    given = {"EXECUTION_PLAN_ENGINE_CONFIG": config, **(on or {"EXECUTION_PLAN_HANDLE": handle})}
    plan = Descriptor(api, "EXECUTION_PLAN", given)
    [size] = plan.get("EXECUTION_PLAN_WORKSPACE_SIZE")
    return plan, size


class _Tensors:
    """The tensors of a graph."""

    def __init__(self, api: Api, convolution: Convolution, order: str) -> None:
        self._api, self._convolution, self._order, self._virtual = api, convolution, order, 0

    def array(self, name: str) -> Descriptor:
        """Return the tensor of an array in memory."""
        return self._made(self._convolution.shape(name), IDS[name], {})

    def between(self) -> Descriptor:
        """Return a tensor of y's shape that is in no memory, of float32."""
        self._virtual += 1
        more = {"TENSOR_IS_VIRTUAL": True, "TENSOR_DATA_TYPE": "DATA_FLOAT"}
        return self._made(self._convolution.out, len(IDS) + self._virtual, more)

    def _made(self, shape: Shape, number: int, more: dict[str, Any]) -> Descriptor:
        attributes = {
            "TENSOR_DATA_TYPE": DTYPES[self._convolution.dtype],
            "TENSOR_DIMENSIONS": shape,
            "TENSOR_STRIDES": strides(shape, self._order),
            "TENSOR_UNIQUE_ID": number,
            "TENSOR_BYTE_ALIGNMENT": ALIGNMENT,
        }
        return Descriptor(self._api, "TENSOR", attributes | more)


def _operations(api: Api, convolution: Convolution, tensors: _Tensors) -> Iterator[Descriptor]:
    """Yield the operations, the convolution first."""
    rule = {
        "CONVOLUTION_COMP_TYPE": "DATA_FLOAT",
        "CONVOLUTION_CONV_MODE": "CROSS_CORRELATION",
        "CONVOLUTION_SPATIAL_DIMS": 2,
        "CONVOLUTION_FILTER_STRIDES": convolution.stride,
        "CONVOLUTION_PRE_PADDINGS": convolution.before,
        "CONVOLUTION_POST_PADDINGS": convolution.after,
        "CONVOLUTION_DILATIONS": convolution.dilation,
    }
    follows = [mode for mode in ("ADD", "RELU_FWD") if getattr(convolution, _FLAGS[mode])]
    kind, prefix, names = _KINDS[convolution.direction]
    given = {f"{prefix}_{attribute}": tensors.array(name) for attribute, name in names.items()}
    if follows:
        result = given[f"{prefix}_Y"] = tensors.between()
    scales = {f"{prefix}_ALPHA": 1.0, f"{prefix}_BETA": 0.0}
    described = {f"{prefix}_CONV_DESC": Descriptor(api, "CONVOLUTION", rule)}
    yield Descriptor(api, kind, described | given | scales)
    for place, mode in enumerate(follows):
        after = tensors.array("y") if place + 1 == len(follows) else tensors.between()
        how = {"POINTWISE_MODE": f"POINTWISE_{mode}", "POINTWISE_MATH_PREC": "DATA_FLOAT"}
        if mode == "RELU_FWD":
            how["POINTWISE_NAN_PROPAGATION"] = "PROPAGATE_NAN"
        inputs = {"XDESC": result} | ({"BDESC": tensors.array("b")} if mode == "ADD" else {})
        named = inputs | {"YDESC": after, "PW_DESCRIPTOR": Descriptor(api, "POINTWISE", how)}
        attributes = {f"OPERATION_POINTWISE_{name}": value for name, value in named.items()}
        yield Descriptor(api, "OPERATION_POINTWISE", attributes)
        result = after


_FLAGS = {"ADD": "bias", "RELU_FWD": "rectify"}
"""Of what may follow a forward pass: the attribute of `Convolution` that says whether it does."""
_KINDS = {
    "forward": (
        "OPERATION_CONVOLUTION_FORWARD",
        "OPERATION_CONVOLUTION_FORWARD",
        {"X": "x", "W": "w", "Y": "y"},
    ),
    "dx": (
        "OPERATION_CONVOLUTION_BACKWARD_DATA",
        "OPERATION_CONVOLUTION_BWD_DATA",
        {"DX": "x", "W": "w", "DY": "y"},
    ),
    "dw": (
        "OPERATION_CONVOLUTION_BACKWARD_FILTER",
        "OPERATION_CONVOLUTION_BWD_FILTER",
        {"X": "x", "DW": "w", "DY": "y"},
    ),
}
"""Of each direction: the descriptor, what its attributes begin with, and arrays by attribute."""
