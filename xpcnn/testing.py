"""Gradient checks for layers and ops, including your own, by random projection.

`check_gradients` checks a layer, `check_pullback` an op.

For each array two numbers are compared instead of two Jacobians, so a check is cheap at any size:
the derivative of <dy, y> along a random direction v, as <gradient, v> by the pullback and as a
central difference of two forward passes. Differences are taken in float64 alone: the rounding of
float32 would hide errors.
"""

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy

from xpcnn import random
from xpcnn.backend import Backend, load
from xpcnn.errors import GradientError, ShapeError, hint
from xpcnn.initializers import Draw
from xpcnn.layers import Context, Layer
from xpcnn.layers.results import check_buffers, check_methods, check_takes_want_dx
from xpcnn.options import check_count, is_whole, shown
from xpcnn.pullback_check import MOST_ENTRIES, Host, check_pullback, wrong_entries
from xpcnn.types import Array, Params, Shape, flatten, unflatten_like

__all__ = ["GradientError", "check_gradients", "check_pullback"]

INPUT = "the input"
"""Name of x among the paths of parameters; no path has a space."""

_PLAIN = "Python numbers as constants: a NumPy float64 makes float64 of float32"

Arrays: TypeAlias = dict[str, Host]


def check_gradients(
    layer: Layer,
    shape: Shape,
    *,
    backend: str | Backend = "numpy",
    batch: int = 2,
    seed: int = 0,
    eps: float = 1e-6,
    atol: float = 1e-6,
    rtol: float = 1e-5,
) -> None:
    """Check that the gradients of a layer are those of its forward pass.

    In float64, with the layer in training and then in inference mode, for x and every parameter a:

        |<da, v> - <dy, y(a + eps v) - y(a - eps v)> / (2 eps)| <= atol + rtol |<da, v>|

    with random dy and v, where both derivatives are finite. The elements of x differ and none is 0:
    at ties and kinks a difference is not a derivative, so test those with values of your own.

    Also checked: `init` returns the same parameters for the same seed, and the output has the shape
    that it returned; gradients have the names and shapes of the parameters; a second call of the
    pullback and one with want_dx=False give the same bits; no array is written into; outputs and
    gradients of float32 arrays are float32.

    Args:
        layer: a layer or container, of xpcnn or your own.
        shape: shape of one sample, such as (3, 8, 8).
        backend: the array library to run on: a name, or what `xpcnn.backend.load` returns.
        batch: number of samples.
        seed: seed of the parameters, x, dy and v.
        eps: step of the central difference, in units of the arrays.
        atol, rtol: absolute and relative tolerance; the defaults find an error of 0.05 %.

    Raises:
        ConfigError: `init`, `forward` or the pullback takes other arguments than those of `Layer`;
            batch is below 1.
        ShapeError: shape is not the sizes of a sample.
        GradientError: the check failed; the message names the array and shows both values, and
            those of the entry that differs most, by differences for at most 200 entries.
    """
    if isinstance(layer, type) or not isinstance(layer, Layer):
        advice = "an object such as Conv2D(8, 3); check_pullback(op, x, ...) checks an op"
        raise GradientError(
            hint(
                f"{layer!r} is not a layer, an object with init and forward",
                "an instance of the class" if isinstance(layer, type) else advice,
            )
        )
    if not isinstance(shape, tuple | list) or not all(is_whole(n) and n > 0 for n in shape):
        message = f"shape is {shown(shape)}, expected the sizes of one sample"
        raise ShapeError(hint(message, "(3, 8, 8) for images, (5,) for rows of 5 features"))
    batch = check_count("batch", batch)
    check_methods(layer)
    library = load(backend) if isinstance(backend, str) else backend
    rng = numpy.random.default_rng(seed)
    name = type(layer).__name__
    made = layer.init(tuple(shape), Draw(seed))
    params, buffers, out = _parts(name, "init", "(params, buffers, out_shape)", made)
    again, *_ = layer.init(tuple(shape), Draw(seed))
    if any(not numpy.array_equal(a, flatten(again)[path]) for path, a in flatten(params).items()):
        message = f"{name}: init returns other parameters each time, for the same seed"
        advice = "draw(name, initializer, shape) for every parameter; see xpcnn.initializers"
        raise GradientError(hint(message, advice))
    arrays = {INPUT: _distinct(rng, (batch, *shape))}
    for path, drawn in flatten(params).items():
        arrays[path] = drawn + 0.1 * rng.standard_normal(drawn.shape)  # biases away from 0
    dy = rng.standard_normal((batch, *out))
    for training in (True, False):
        runner = _Runner(layer, library, params, buffers, training, seed)
        _check_form(runner, arrays, dy, "float32")
        gradients = _check_form(runner, arrays, dy, "float64")
        for name, gradient in gradients.items():
            v = rng.standard_normal(gradient.shape)
            numeric = runner.difference(arrays, name, numpy.asarray(eps * v), dy) / eps
            analytic = float(numpy.sum(gradient * v))
            allowed = atol + rtol * abs(analytic)
            if not abs(analytic - numeric) <= allowed < math.inf:  # NaN and infinity fail too
                chosen = numpy.sort(rng.permutation(gradient.size)[:MOST_ENTRIES])
                entries, advice = wrong_entries(
                    gradient.reshape(-1)[chosen],
                    runner.differences(arrays, name, chosen, eps, dy),
                    [tuple(map(int, numpy.unravel_index(i, gradient.shape))) for i in chosen],
                    lambda got: atol + rtol * abs(got),
                )
                message = (
                    f"{runner}: the gradient of {name} is wrong. Along a random direction:\n"
                    f"    analytic {analytic:+.10e} (pullback)\n"
                    f"    numeric  {numeric:+.10e} (central difference)\n"
                    f"{entries}"
                )
                raise GradientError(hint(message, advice))
        buffers = runner.forward(arrays, "float64")[1]  # inference uses what training left


@dataclass(frozen=True)
class _Runner:
    """Runs one layer in one mode, on host arrays by name."""

    layer: Layer
    backend: Backend
    params: Params
    buffers: Params
    training: bool
    seed: int

    def __str__(self) -> str:
        mode = "training" if self.training else "inference"
        return f"{type(self.layer).__name__} in {mode} mode (seed {self.seed})"

    def forward(self, arrays: Arrays, dtype: str) -> tuple[Array, Params, Any]:
        """Return (y, buffers, pullback) of the layer, the buffers as host arrays."""
        return self.forward_on_device(self.move(arrays, dtype), dtype)

    def forward_on_device(
        self, on_device: dict[str, Array], dtype: str
    ) -> tuple[Array, Params, Any]:
        """Return what `forward` returns, from arrays on the device."""
        ctx = Context(self.training, grad=True, forward_pass=1, source=self._uniform)
        params = unflatten_like(self.params, on_device)
        given = unflatten_like(self.buffers, self.move(flatten(self.buffers), dtype))
        returned = self.layer.forward(params, given, on_device[INPUT], ctx)
        y, buffers, pullback = _parts(self, "forward", "(y, buffers, pullback)", returned)
        if self.training:
            check_buffers(buffers, given)
        host = {path: self.backend.to_host(b) for path, b in flatten(buffers).items()}
        return y, unflatten_like(buffers, host), pullback

    def difference(self, arrays: Arrays, name: str, h: Host, dy: Host) -> float:
        """Return (<dy, y(a + h)> - <dy, y(a - h)>) / 2 for the array a called `name`."""
        ahead, behind = (
            self.backend.to_host(self.forward({**arrays, name: arrays[name] + s * h}, "float64")[0])
            for s in (1.0, -1.0)
        )
        return float(numpy.sum(dy * (ahead - behind))) / 2.0

    def differences(self, arrays: Arrays, name: str, chosen: Host, eps: float, dy: Host) -> Host:
        """Return the derivatives by the entries at the row-major indices `chosen`."""
        found = numpy.zeros(len(chosen))
        for k, i in enumerate(chosen):
            h = numpy.zeros(arrays[name].size)
            h[i] = eps
            found[k] = self.difference(arrays, name, h.reshape(arrays[name].shape), dy) / eps
        return found

    def move(self, arrays: Arrays, dtype: str) -> dict[str, Array]:
        """Return copies of host arrays on the device."""
        return {name: self.backend.from_host(x.astype(dtype)) for name, x in arrays.items()}

    def holds(self, x: Array, before: Host, dtype: str) -> bool:
        """Whether an array on the device still is a host array."""
        return bool(self.backend.to_host(x).tobytes() == before.astype(dtype).tobytes())

    def _uniform(self, path: str, step: int, shape: Shape) -> Array:
        return self.backend.uniform(random.key(self.seed, f"dropout/{path}"), step, shape)


def _shape_advice(shape: Shape, expected: Shape) -> str:
    if sorted(shape) == sorted(expected):
        return "transposing it"
    if len(shape) > len(expected) or any(k == 1 for k in expected):
        return "sum over the axes along which the forward pass repeats it"
    return "one gradient for each entry of the array"


def _check_form(runner: _Runner, arrays: Arrays, dy: Host, dtype: str) -> Arrays:
    """Check names, shapes, dtypes and repeated calls; return the gradients."""
    given = runner.move(arrays, dtype)
    y, _, pullback = runner.forward_on_device(given, dtype)
    kept = runner.backend.to_host(y).copy()
    if not callable(pullback):
        message = f"{runner}: the pullback is {shown(pullback)}, expected a function"
        raise GradientError(hint(message, "def pullback(dy, want_dx=True): return dx, {}"))
    check_takes_want_dx(pullback, str(runner))
    if tuple(y.shape) != dy.shape:
        message = f"{runner}: the output has shape {tuple(y.shape)}, init promised {dy.shape}"
        raise GradientError(hint(message, "the out_shape that `forward` makes, in `init`"))
    expected = runner.backend.dtype(dtype)
    if y.dtype != expected:
        message = f"{runner}: from {dtype} arrays, the output has dtype {y.dtype}"
        raise GradientError(hint(message, _PLAIN))
    dy_on_device = runner.backend.from_host(dy.astype(dtype))
    dx, nested = _parts(runner, "the pullback", "(dx, gradients by name)", pullback(dy_on_device))
    if not isinstance(nested, dict):
        kind = type(nested).__name__
        message = f"{runner}: the pullback must return gradients by name, got a {kind}"
        raise GradientError(hint(message, 'return dx, {"weight": dw}; without parameters: dx, {}'))
    gradients = {INPUT: dx, **flatten(nested)}
    if gradients.keys() != arrays.keys():
        have, want = (sorted(names.keys() - {INPUT}) for names in (gradients, arrays))
        message = f"{runner}: gradients are named {have}, the parameters {want}"
        raise GradientError(hint(message, "one gradient for each parameter, under its name"))
    for name, gradient in gradients.items():
        if gradient is None:
            message = f"{runner}: the gradient of {name} is None"
            raise GradientError(hint(message, "None only for dx, and only where want_dx is false"))
        if not hasattr(gradient, "shape"):
            message = f"{runner}: the gradient of {name} is {shown(gradient)}, expected an array"
            raise GradientError(hint(message, "an array of the library of x"))
        shape, wanted = tuple(gradient.shape), arrays[name].shape
        if shape != wanted:
            message = f"{runner}: the gradient of {name} has shape {shape}, expected {wanted}"
            raise GradientError(hint(message, _shape_advice(shape, wanted)))
        if gradient.dtype != expected:
            got = f"the gradient of {name} has dtype {gradient.dtype}"
            raise GradientError(hint(f"{runner}: from {dtype} arrays, {got}", _PLAIN))
    host = {name: runner.backend.to_host(g) for name, g in gradients.items()}
    written = [name for name, x in given.items() if not runner.holds(x, arrays[name], dtype)]
    for what, x, before in (("dy", dy_on_device, dy), ("its output", y, kept)):
        if not runner.holds(x, before, dtype):
            written.append(what)
    if written:
        message = f"{runner}: forward or pullback wrote into {written[0]}"
        raise GradientError(hint(message, "new arrays: other layers hold these"))
    for want_dx in (True, False):
        dx, nested = pullback(dy_on_device, want_dx)
        again = ({INPUT: dx} if want_dx else {}) | flatten(nested)
        for name, gradient in again.items():
            if runner.backend.to_host(gradient).tobytes() != host[name].tobytes():
                raise GradientError(
                    hint(
                        f"{runner}: a second call of the pullback (want_dx={want_dx}) gives "
                        f"another gradient of {name}",
                        "a pullback that writes into no array: not into dy, not into what it holds",
                    )
                )
    return host


def _parts(owner: object, what: str, form: str, value: Any) -> tuple[Any, ...]:
    """Require a tuple of the length that `form` shows, and return it."""
    if not isinstance(value, tuple) or len(value) != form.count(",") + 1:
        got = f"{len(value)} values" if isinstance(value, tuple) else f"a {type(value).__name__}"
        raise GradientError(
            hint(f"{owner}: {what} must return {form}, got {got}", f"return {form}")
        )
    return value


def _distinct(rng: numpy.random.Generator, shape: Shape) -> Host:
    """Return values between -4 and 4 in random order, evenly spaced, none a multiple of 1/8."""
    count = int(numpy.prod(shape))
    values = (numpy.arange(count) + 0.3) * (8 / count) - 4
    return rng.permutation(values).reshape(shape)
