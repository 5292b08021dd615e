"""Losses, by hand. The scores are logarithms of small numbers, so that softmax is simple."""

from typing import Any

import numpy
import pytest

from tests.compare import assert_same
from tests.lib import Lib, open_lib
from xpcnn import ops
from xpcnn.errors import LabelError

LOGITS = numpy.log([[1.0, 2.0, 5.0], [1.0, 1.0, 2.0]])
P = numpy.asarray([[0.125, 0.25, 0.625], [0.25, 0.25, 0.5]])
LOG_P = numpy.log(P)
W = (1.0, 2.0, 3.0)


def run(lib: Lib, labels: Any, weights: Any = None, **options: Any) -> Any:
    """Return the loss, dlogits and dlabels."""
    logits = lib.asarray(LOGITS)
    w = None if weights is None else lib.asarray(weights)
    loss, pullback = ops.softmax_cross_entropy(logits, lib.asarray(labels), w, **options)
    dlogits, dlabels, nothing = pullback(lib.asarray(1.0))
    assert nothing is None
    return loss, dlogits, dlabels


def test_integer_labels(lib: Lib) -> None:
    loss, dlogits, dlabels = run(lib, [2, 0])
    assert_same(loss, -(LOG_P[0, 2] + LOG_P[1, 0]) / 2, lib)
    assert_same(dlogits, (P - [[0, 0, 1], [1, 0, 0]]) / 2, lib)
    assert dlabels is None


def test_class_weights_divide_by_their_sum(lib: Lib) -> None:
    loss, dlogits, _ = run(lib, [2, 0], [3.0, 100.0, 1.0])
    assert_same(loss, -(1.0 * LOG_P[0, 2] + 3.0 * LOG_P[1, 0]) / 4, lib)
    expected = [(P[0] - [0, 0, 1]) / 4, (P[1] - [1, 0, 0]) * 3 / 4]
    assert_same(dlogits, expected, lib)


def test_ignored_rows_count_nowhere(lib: Lib) -> None:
    for index in (-100, 1):
        loss, dlogits, _ = run(lib, [index, 0], ignore_index=index)
        assert_same(loss, -LOG_P[1, 0], lib)
        assert_same(dlogits, [[0.0] * 3, P[1] - [1, 0, 0]], lib)


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"class_weights": W}])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_labels_without_a_class_are_refused(dtype: str, options: dict[str, Any], lib: Lib) -> None:
    """In PyTorch too; a row of zeros as their target would be trained on, silently."""
    options = {k: lib.asarray(v, dtype) if k == "class_weights" else v for k, v in options.items()}
    logits = lib.asarray(LOGITS, dtype)
    unsigned, signed = lib.asarray([0, 3], "uint8"), lib.asarray([-1, -100])
    if str(lib.backend.device) != "cpu":  # reading them would wait for the device
        assert ops.softmax_cross_entropy(logits, unsigned, **options)[0].shape == ()
        return
    text = r"cross_entropy: 1 of 2 labels lie outside 0\.\.2, the first: labels\[1\] = 3\nTry: "
    with pytest.raises(LabelError, match=text):
        ops.softmax_cross_entropy(logits, unsigned, **options)
    with pytest.raises(LabelError, match=r"labels\[1\] = 156"):  # -100 as uint8
        ops.softmax_cross_entropy(logits, lib.asarray([0, 156], "uint8"), **options)
    with pytest.raises(LabelError, match=r"1 of 2 .* labels\[0\] = -1"):
        ops.softmax_cross_entropy(logits, signed, **options)
    empty, none = logits[:0, :], lib.asarray([], "int64")
    assert ops.softmax_cross_entropy(empty, none, **options)[0].shape == ()


def test_labels_that_cannot_be_read_are_not_checked() -> None:
    """Inside torch.func.vmap, of which gradients per sample are made."""
    torch: Any = pytest.importorskip("torch")
    logits, labels = torch.tensor(LOGITS), torch.tensor([2, 0])

    def loss(scores: Any, label: Any) -> Any:
        return ops.softmax_cross_entropy(scores[None], label[None])[0]

    losses = torch.func.vmap(loss)(logits, labels)
    assert_same(losses.numpy(), -LOG_P[[0, 1], [2, 0]], open_lib("numpy"))


def test_label_smoothing_spreads_a_part_over_all_classes(lib: Lib) -> None:
    loss, dlogits, _ = run(lib, [2, 0], label_smoothing=0.3)
    target = numpy.asarray([[0.1, 0.1, 0.8], [0.8, 0.1, 0.1]])
    assert_same(loss, -numpy.sum(target * LOG_P) / 2, lib)
    assert_same(dlogits, (P - target) / 2, lib)


def test_smoothing_with_weights(lib: Lib) -> None:
    weights = numpy.asarray([3.0, 2.0, 1.0])
    loss, dlogits, _ = run(lib, [2, 0], weights, label_smoothing=0.3)
    target = numpy.asarray([[0.3, 0.2, 0.8], [2.4, 0.2, 0.1]])  # smoothed, times the weights
    assert_same(loss, -numpy.sum(target * LOG_P) / 4, lib)  # 4 = weights of labels 2 and 0
    assert_same(dlogits, (P * [[1.3], [2.7]] - target) / 4, lib)


def test_probabilities_as_labels(lib: Lib) -> None:
    soft = numpy.asarray([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    loss, dlogits, dlabels = run(lib, soft)
    assert_same(loss, -numpy.sum(soft * LOG_P) / 2, lib)
    assert_same(dlogits, (P - soft) / 2, lib)
    assert_same(dlabels, -LOG_P / 2, lib)
    loss, _, dlabels = run(lib, soft, [3.0, 2.0, 1.0], label_smoothing=0.5)
    target = (0.5 * soft + 0.5 / 3) * [3.0, 2.0, 1.0]
    assert_same(loss, -numpy.sum(target * LOG_P) / 2, lib)  # by the rows, not by the weights
    assert_same(dlabels, -0.5 * LOG_P * [3.0, 2.0, 1.0] / 2, lib)


def test_the_gradient_scales_with_that_of_the_loss(lib: Lib) -> None:
    _, pullback = ops.softmax_cross_entropy(lib.asarray(LOGITS), lib.asarray([2, 0]))
    assert_same(pullback(lib.asarray(4.0))[0], (P - [[0, 0, 1], [1, 0, 0]]) * 2, lib)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", [ops.bce_with_logits, ops.mse, ops.l1, ops.huber])
def test_the_gradient_of_a_loss_may_be_a_python_number(loss: Any, dtype: str, lib: Lib) -> None:
    scores, targets = lib.asarray([[0.5, 2.0]], dtype), lib.asarray([[1.0, 0.0]], dtype)
    labels = lib.asarray([1])
    for _, pullback in (loss(scores, targets), ops.softmax_cross_entropy(scores, labels)):
        for number in (2, 2.0):
            expected = lib.to_host(pullback(lib.asarray(2.0, dtype))[0])
            assert_same(pullback(number)[0], expected, lib)


def test_bce_by_hand(lib: Lib) -> None:
    logits, targets = lib.asarray([[0.0], [numpy.log(3.0)]]), lib.asarray([[1.0], [0.0]])
    loss, pullback = ops.bce_with_logits(logits, targets)
    assert_same(loss, (numpy.log(2.0) + numpy.log(4.0)) / 2, lib)  # -log(1/2), -log(1 - 3/4)
    dlogits, dtargets, *_ = pullback(lib.asarray(2.0))
    assert_same(dlogits, [[-0.5], [0.75]], lib)
    assert_same(dtargets, [[0.0], [-numpy.log(3.0)]], lib)


def test_bce_is_exact_where_the_logit_is_large() -> None:
    """log(1 + e^x) is x + e^-x to the last bit of float64, from x = 18 on."""
    x = numpy.asarray([18.5, 21.0, 25.0, 30.0, 36.0])
    for sign, target in ((1.0, 0.0), (-1.0, 1.0)):
        for logit in x:
            logits, targets = numpy.asarray([sign * logit]), numpy.asarray([target])
            loss, pullback = ops.bce_with_logits(logits, targets)
            assert float(loss) == logit + numpy.exp(-logit)
            _, dtargets, *_ = pullback(numpy.asarray(1.0), (False, True))
            assert numpy.asarray(dtargets).tolist() == [-sign * logit]


def test_mse_by_hand(lib: Lib) -> None:
    loss, pullback = ops.mse(lib.asarray([[1.0, 2.0]]), lib.asarray([[3.0, 1.0]]))
    assert_same(loss, 2.5, lib)
    dy, dtargets = pullback(lib.asarray(10.0))
    assert_same(dy, [[-20.0, 10.0]], lib)
    assert_same(dtargets, [[20.0, -10.0]], lib)
