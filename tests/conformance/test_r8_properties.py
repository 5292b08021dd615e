"""R8: properties that need no oracle, each on 50 random configurations."""

from collections.abc import Callable
from typing import Any

import numpy
import pytest

from tests.conformance import network_properties, properties
from tests.conformance.figures import chosen, report
from tests.conformance.properties import Property
from tests.conformance.tally import Tally
from tests.lib import Lib, open_lib
from xpcnn import ops

PROPERTIES = [*properties.PROPERTIES, *network_properties.PROPERTIES]
SEED, CONFIGURATIONS = 0, 50


def failures(lib: Lib, prop: Property) -> list[str]:
    """Return what each failing configuration says."""
    found = []
    for i in chosen(CONFIGURATIONS, lib.name):
        try:
            prop(lib, numpy.random.default_rng([SEED, PROPERTIES.index(prop), i]))
        except AssertionError as error:
            found.append(f"{prop.__name__}, configuration {i}: {error}")
    return found


def test_properties(lib: Lib, tally: Tally) -> None:
    found = [failure for prop in PROPERTIES for failure in failures(lib, prop)]
    configurations = len(chosen(CONFIGURATIONS, lib.name))
    total = len(PROPERTIES) * configurations
    note = f"{lib.name}, {len(PROPERTIES)} properties x {configurations}, seed {SEED}"
    tally[lib.name]["R8"] = (total - len(found), total)
    report("R8 properties", total - len(found), total, note=note)
    assert not found, "\n".join(found)
    assert len(PROPERTIES) >= 12


def slope(y: Any) -> Any:
    """Grow along the last axis by a per mille an element."""
    return y * (1 + 1e-3 * numpy.arange(y.shape[-1]))


def coupled(y: Any) -> Any:
    """Let a per mille of every sample leak into the others."""
    return y + 1e-3 * y.mean(axis=0)


SLIGHTLY = 1.0005  # 0.05 %

Fault = tuple[str, Callable[..., Any], Callable[[Any], Any]]


def fault(
    op: str,
    y: Callable[..., Any] = lambda y, options: y,
    gradient: Callable[[Any], Any] = lambda g: g,
) -> Fault:
    """Plant a fault into the output of an op, given its hyperparameters, or into its gradients."""
    return op, y, gradient


FAULTS: dict[Property, Fault] = {
    properties.convolution_is_its_own_adjoint: fault("conv2d", gradient=lambda g: g * SLIGHTLY),
    properties.convolution_is_linear: fault("conv2d", lambda y, _: y + 1e-3),
    properties.convolution_moves_with_its_input: fault("conv2d", lambda y, _: slope(y)),
    properties.dilation_is_a_kernel_with_holes: fault(
        "conv2d", lambda y, options: y * SLIGHTLY if "dilation" in options else y
    ),
    properties.groups_are_convolutions_side_by_side: fault(
        "conv2d", lambda y, options: y * SLIGHTLY if "groups" in options else y
    ),
    properties.average_pooling_is_its_own_adjoint: fault("avg_pool2d", gradient=slope),
    properties.max_pooling_follows_shift_and_scale: fault("max_pool2d", lambda y, _: y + 1e-3),
    properties.max_pooling_hands_out_each_dy_once: fault(
        "max_pool2d", gradient=lambda g: g * SLIGHTLY
    ),
    properties.softmax_ignores_a_shift: fault("softmax", lambda y, _: y * SLIGHTLY),
    properties.batch_norm_ignores_scale_and_shift: fault("batch_norm", gradient=slope),
    properties.losses_do_not_depend_on_the_names_of_classes: fault(
        "softmax_cross_entropy", gradient=slope
    ),
    network_properties.the_order_of_a_batch_does_not_matter: fault(
        "dense", lambda y, _: y + 1e-3 * numpy.arange(len(y))[:, None]
    ),
    network_properties.the_gradient_of_a_batch_is_the_mean_over_samples: fault(
        "conv2d", lambda y, _: coupled(y)
    ),
    network_properties.inference_ignores_batch_mates: fault("conv2d", lambda y, _: coupled(y)),
}


@pytest.mark.parametrize("prop", PROPERTIES, ids=lambda prop: prop.__name__)
def test_a_planted_fault_is_seen(prop: Property, monkeypatch: pytest.MonkeyPatch) -> None:
    name, change_y, change_gradient = FAULTS[prop]
    exact = getattr(ops, name)

    def faulty(*arrays: Any, **options: Any) -> Any:
        y, back = exact(*arrays, **options)

        def pullback(dy: Any, wants: Any = None) -> Any:
            return [None if g is None else change_gradient(g) for g in back(dy, wants)]

        return change_y(y, options), pullback

    monkeypatch.setattr(ops, name, faulty)
    assert len(failures(open_lib("numpy"), prop)) > CONFIGURATIONS / 2
