"""Properties of single ops that need no oracle: what must hold for every convolution, pool, ...

Each takes a library and a random generator, draws one configuration and asserts. What is compared
was computed by xpcnn on both sides, in float64.
"""

from collections.abc import Callable
from typing import Any

import numpy

from tests.lib import Host, Lib
from xpcnn import ops

Rng = numpy.random.Generator
Property = Callable[[Lib, Rng], None]


def close(a: Any, b: Any) -> None:
    """Require equality to rounding, relative to the largest number."""
    scale = 1.0 + float(numpy.max(numpy.abs(b), initial=0.0))
    numpy.testing.assert_allclose(a / scale, b / scale, rtol=0.0, atol=1e-12)


def run(
    lib: Lib, op: Callable[..., Any], *arrays: Host, dy: Host | None = None, **options: Any
) -> Any:
    """Return y, or with a dy (y, gradients), as host arrays."""
    y, pullback = op(*(lib.asarray(a) for a in arrays), **options)
    if dy is None:
        return lib.to_host(y)
    gradients = pullback(lib.asarray(dy))
    return lib.to_host(y), [None if g is None else lib.to_host(g) for g in gradients]


def convolution(rng: Rng) -> tuple[Host, Host, dict[str, Any]]:
    """Draw images, filters and hyperparameters that fit."""
    groups, kh, kw = (int(v) for v in rng.integers(1, 4, 3))
    c, f = groups * int(rng.integers(1, 3)), groups * int(rng.integers(1, 3))
    h, w = (int(v) for v in rng.integers(5, 8, 2))
    options = {
        "stride": tuple(int(v) for v in rng.integers(1, 4, 2)),
        "padding": tuple(int(v) for v in rng.integers(0, 3, 2)),
        "dilation": tuple(int(v) for v in rng.integers(1, 3, 2)),
        "groups": groups,
    }
    n = int(rng.integers(1, 4))
    return rng.standard_normal((n, c, h, w)), rng.standard_normal((f, c // groups, kh, kw)), options


def pool(rng: Rng) -> tuple[Host, dict[str, Any]]:
    """Draw images without equal pixels, and hyperparameters that fit."""
    n, c = (int(v) for v in rng.integers(1, 4, 2))
    h, w = (int(v) for v in rng.integers(4, 8, 2))
    size = tuple(int(v) for v in rng.integers(1, 4, 2))
    options = {
        "size": size,
        "stride": tuple(int(v) for v in rng.integers(1, 4, 2)),
        "padding": tuple(int(rng.integers(0, s // 2 + 1)) for s in size),
        "ceil_mode": bool(rng.integers(2)),
    }
    return rng.standard_normal((n, c, h, w)), options


def convolution_is_its_own_adjoint(lib: Lib, rng: Rng) -> None:
    """<conv(x, w), g> = <x, dx(g)> = <w, dw(g)>."""
    x, w, options = convolution(rng)
    g = rng.standard_normal(run(lib, ops.conv2d, x, w, **options).shape)
    y, (dx, dw, _) = run(lib, ops.conv2d, x, w, dy=g, **options)
    close(numpy.sum(x * dx), numpy.sum(y * g))
    close(numpy.sum(w * dw), numpy.sum(y * g))


def convolution_is_linear(lib: Lib, rng: Rng) -> None:
    """conv(a x + b z) = a conv(x) + b conv(z)."""
    x, w, options = convolution(rng)
    z = numpy.asarray(rng.standard_normal(x.shape))
    a, b = rng.standard_normal(2)
    separate = a * run(lib, ops.conv2d, x, w, **options) + b * run(lib, ops.conv2d, z, w, **options)
    close(run(lib, ops.conv2d, a * x + b * z, w, **options), separate)


def convolution_moves_with_its_input(lib: Lib, rng: Rng) -> None:
    """An image moved by the stride inside a margin of zeros gives an output moved by one."""
    x, w, options = convolution(rng)
    options["padding"] = 0
    sh, sw = options["stride"]
    reach_h, reach_w = (
        d * (k - 1) + 1 for d, k in zip(options["dilation"], w.shape[2:], strict=True)
    )
    before = numpy.pad(x, ((0, 0), (0, 0), (reach_h, reach_h + sh), (reach_w, reach_w + sw)))
    after = numpy.roll(before, (sh, sw), axis=(2, 3))
    y, moved = (run(lib, ops.conv2d, image, w, **options) for image in (before, after))
    close(moved[:, :, 1:, 1:], y[:, :, :-1, :-1])


def dilation_is_a_kernel_with_holes(lib: Lib, rng: Rng) -> None:
    """conv with dilation d = conv with the kernel spread out by zeros; gradients alike."""
    x, w, options = convolution(rng)
    dh, dw = options.pop("dilation")
    f, c, kh, kw = w.shape
    spread = numpy.zeros((f, c, dh * (kh - 1) + 1, dw * (kw - 1) + 1))
    spread[:, :, ::dh, ::dw] = w
    g = rng.standard_normal(run(lib, ops.conv2d, x, spread, **options).shape)
    y, (dx, dspread, _) = run(lib, ops.conv2d, x, spread, dy=g, **options)
    z, (dz, dkernel, _) = run(lib, ops.conv2d, x, w, dy=g, dilation=(dh, dw), **options)
    close(z, y)
    close(dz, dx)
    close(dkernel, dspread[:, :, ::dh, ::dw])


def groups_are_convolutions_side_by_side(lib: Lib, rng: Rng) -> None:
    """A grouped convolution is one convolution per group, stacked."""
    x, w, options = convolution(rng)
    groups = options.pop("groups")
    y = run(lib, ops.conv2d, x, w, groups=groups, **options)
    parts = zip(numpy.split(x, groups, axis=1), numpy.split(w, groups), strict=True)
    close(y, numpy.concatenate([run(lib, ops.conv2d, *p, **options) for p in parts], axis=1))


def average_pooling_is_its_own_adjoint(lib: Lib, rng: Rng) -> None:
    """<pool(x), g> = <x, dx(g)>, also when padding does not count."""
    x, options = pool(rng)
    options["count_include_pad"] = bool(rng.integers(2))
    g = rng.standard_normal(run(lib, ops.avg_pool2d, x, **options).shape)
    y, (dx,) = run(lib, ops.avg_pool2d, x, dy=g, **options)
    close(numpy.sum(x * dx), numpy.sum(y * g))


def max_pooling_follows_shift_and_scale(lib: Lib, rng: Rng) -> None:
    """max(a x + b) = a max(x) + b for a > 0, with the same winners, ties included."""
    x, options = pool(rng)
    x = numpy.round(2 * x)  # many ties
    a, b = float(rng.integers(1, 5)), float(rng.integers(-9, 10))
    g = rng.standard_normal(run(lib, ops.max_pool2d, x, **options).shape)
    y, (dx,) = run(lib, ops.max_pool2d, x, dy=g, **options)
    z, (dz,) = run(lib, ops.max_pool2d, a * x + b, dy=g, **options)
    close(z, a * y + b)
    close(dz, dx)


def max_pooling_hands_out_each_dy_once(lib: Lib, rng: Rng) -> None:
    """sum dx = sum dy, and <x, dx> = <y, dy>, ties included."""
    x, options = pool(rng)
    x = numpy.round(x)
    g = rng.standard_normal(run(lib, ops.max_pool2d, x, **options).shape)
    y, (dx,) = run(lib, ops.max_pool2d, x, dy=g, **options)
    close(numpy.sum(dx), numpy.sum(g))
    close(numpy.sum(x * dx), numpy.sum(y * g))


def softmax_ignores_a_shift(lib: Lib, rng: Rng) -> None:
    """softmax(x + c) = softmax(x); rows sum to 1, their gradients to 0; e^(log softmax) is it."""
    x = 5 * rng.standard_normal((int(rng.integers(1, 5)), int(rng.integers(2, 7))))
    g = rng.standard_normal(x.shape)
    c = 100 * rng.standard_normal((len(x), 1))
    y, (dx,) = run(lib, ops.softmax, x, dy=g)
    close(run(lib, ops.softmax, x + c), y)
    close(numpy.sum(y, axis=1), numpy.ones(len(x)))
    close(numpy.sum(dx, axis=1), numpy.zeros(len(x)))
    close(numpy.exp(run(lib, ops.log_softmax, x)), y)


def batch_norm_ignores_scale_and_shift(lib: Lib, rng: Rng) -> None:
    """BN(a x + b) = BN(x) for a > 0 and eps = 0, dx is 1/a of it, and orthogonal to 1 and to x."""
    n, c, h, w = (int(v) for v in rng.integers(2, 5, 4))
    x, g = rng.standard_normal((2, n, c, h, w))
    gamma, beta = rng.standard_normal((2, c))
    a, b = float(rng.uniform(0.1, 10)), float(rng.uniform(-10, 10))

    def norm(x: Host) -> Any:
        (y, _, _), back = ops.batch_norm(*map(lib.asarray, (x, gamma, beta)), eps=0.0)
        return lib.to_host(y), lib.to_host(back(lib.asarray(g))[0])

    (y, dx), (z, dz) = norm(x), norm(a * x + b)
    close(z, y)
    close(dz * a, dx)
    close(numpy.sum(dx, axis=(0, 2, 3)), numpy.zeros(c))
    close(numpy.sum(dx * x, axis=(0, 2, 3)), numpy.zeros(c))


def losses_do_not_depend_on_the_names_of_classes(lib: Lib, rng: Rng) -> None:
    """Permuted classes give the same cross-entropy; rows of dlogits sum to 0."""
    n, c = int(rng.integers(1, 5)), int(rng.integers(2, 6))
    logits, labels = 3 * rng.standard_normal((n, c)), rng.integers(0, c, n)
    weights, order = rng.uniform(0.5, 2, c), rng.permutation(c)
    smoothing = {"label_smoothing": float(rng.uniform(0, 0.5))}
    one = numpy.asarray(1.0)
    cross_entropy = ops.softmax_cross_entropy
    loss, (dx, *_) = run(lib, cross_entropy, logits, labels, weights, dy=one, **smoothing)
    place = numpy.argsort(order)  # column order[j] moves to j
    renamed, (dz, *_) = run(
        lib, cross_entropy, logits[:, order], place[labels], weights[order], dy=one, **smoothing
    )
    close(renamed, loss)
    close(dz, dx[:, order])
    close(numpy.sum(dx, axis=1), numpy.zeros(n))


PROPERTIES: list[Property] = [
    convolution_is_its_own_adjoint,
    convolution_is_linear,
    convolution_moves_with_its_input,
    dilation_is_a_kernel_with_holes,
    groups_are_convolutions_side_by_side,
    average_pooling_is_its_own_adjoint,
    max_pooling_follows_shift_and_scale,
    max_pooling_hands_out_each_dy_once,
    softmax_ignores_a_shift,
    batch_norm_ignores_scale_and_shift,
    losses_do_not_depend_on_the_names_of_classes,
]
