"""Losses of classes, from scores: softmax cross-entropy, binary cross-entropy, focal loss.

The definition of the ops. Every loss is a mean, a 0-d array of the dtype of its first argument.
Array API functions only; writes into no array; no value is read on the host, so labels are not
checked here. The public op checks those on the CPU.
"""

import math
from collections.abc import Sequence

from xpcnn.ops.reference.activation import sigmoid, softplus
from xpcnn.ops.reference.probability import log_softmax
from xpcnn.types import Array, Pullback, device, namespace


def softmax_cross_entropy(
    logits: Array,
    labels: Array,
    class_weights: Array | None = None,
    *,
    label_smoothing: float = 0.0,
    ignore_index: int = -100,
) -> tuple[Array, Pullback]:
    """Return the mean cross-entropy between labels and the softmax of logits.

    With the target t[n,c] of each row (one-hot for integer labels), log p = log_softmax(logits):

        loss = -(1/D) sum_{n,c} t[n,c] log p[n,c]

    Label smoothing e replaces t by (1 - e) t + e/C; class weights multiply: the one-hot part by the
    weight of the label, the smoothed part by that of each class. D is the number of rows, or for
    integer labels the sum of their weights; rows with `ignore_index` count in neither. If every
    row of a batch is ignored, the loss is NaN and the gradient 0. All of this is as in PyTorch.

    Backward. d log p[k] / d logits[c] = [k = c] - p[c], so the quotients of softmax and logarithm
    cancel, which is why softmax and loss are one op:

        dlogits[n,c] = -(1/D) sum_k t[n,k] ([k = c] - p[n,c])
                     = (1/D) (p[n,c] sum_k t[n,k] - t[n,c])

    which is (p - t)/D where the targets of a row add up to 1, also smoothed ones. Derived step by
    step in examples/guides/derive_a_network.md.

    Args:
        logits: scores (n, c).
        labels: integers (n,) in [0, c) or `ignore_index`, or probabilities (n, c) of the dtype of
            the logits. The public op checks integers on the CPU; on other devices, a row whose
            label is no class counts in D and adds nothing to the sum.
        class_weights: (c,) or None for equal weights.
        label_smoothing: e, between 0 and 1.
        ignore_index: integer label of rows that do not count.

    Returns:
        the loss, and the pullback dloss -> (dlogits, dlabels, None); dlabels is None for integers.

    Kernels: NumPy calls, C, CUDA.
    """
    xp = namespace(logits)
    n, classes = logits.shape
    log_p, _ = log_softmax(logits)
    is_integer = xp.isdtype(labels.dtype, "integral")
    smooth = label_smoothing / classes
    if is_integer:
        column = xp.astype(xp.reshape(labels, (n, 1)), xp.int64)  # uint8 could not hold -100
        one_hot = column == xp.arange(classes, dtype=xp.int64, device=device(labels))
        one_hot = xp.astype(one_hot, logits.dtype)  # (n, c)
        kept = xp.astype(column != ignore_index, logits.dtype)  # (n, 1)
        if class_weights is None:
            target = kept * ((1.0 - label_smoothing) * one_hot + smooth)
            total = xp.sum(kept)
        else:
            weighted = one_hot * class_weights
            target = kept * ((1.0 - label_smoothing) * weighted + smooth * class_weights)
            total = xp.sum(kept * weighted)
        all_ignored = xp.sum(kept) == 0
        total = xp.where(all_ignored, 1.0, total)
    else:
        target = (1.0 - label_smoothing) * labels + smooth
        if class_weights is not None:
            target = target * class_weights
        total = n
    # where the target is 0, log p = -inf must not make 0 * -inf
    loss = -xp.sum(target * xp.where(target == 0, 0.0, log_p)) / total
    if is_integer:
        loss = xp.where(all_ignored, xp.nan, loss)

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, None]:
        want_dlogits, want_dlabels, _ = wants or (True, True, False)
        dlogits = dlabels = None
        if want_dlogits:
            row = xp.sum(target, axis=1, keepdims=True)
            dlogits = (xp.exp(log_p) * row - target) * (dy / total)
        if want_dlabels and not is_integer:
            dlabels = -(1.0 - label_smoothing) * log_p * (dy / total)
            if class_weights is not None:
                dlabels = dlabels * class_weights
        return dlogits, dlabels, None

    return loss, pullback


def bce_with_logits(
    logits: Array,
    targets: Array,
    weights: Array | None = None,
    positive_weights: Array | None = None,
) -> tuple[Array, Pullback]:
    """Return the mean binary cross-entropy of independent yes/no scores.

    With the sigmoid s(x), 1 - s(x) = s(-x) and -log s(x) = softplus(-x) = log(1 + e^-x), stable for
    any x and exact for large ones (unlike `ops.softplus`, which returns x above a threshold):

        loss = mean(w (p t softplus(-x) + (1 - t) softplus(x)))

    w weighs elements and p the positive part, to count rare positives more; both are 1 if None.

    Backward, N being the number of elements:

        dx = w ((1 - t) s(x) - p t s(-x)) / N        dt = w (p softplus(-x) - softplus(x)) / N

    Without weights these are (s(x) - t) / N and -x / N.

    Args:
        logits: scores x, any shape.
        targets: t in [0, 1], of the shape and dtype of the logits.
        weights, positive_weights: w and p, of shapes that broadcast to that of the logits, or None.

    Returns:
        the loss, and the pullback dloss -> (dlogits, dtargets, None, None).

    Kernels: C.
    """
    xp = namespace(logits)
    yes, no = targets, 1.0 - targets
    if positive_weights is not None:
        yes = yes * positive_weights
    if weights is not None:
        yes, no = yes * weights, no * weights
    cost_yes, cost_no = (softplus(x, threshold=math.inf) for x in (-logits, logits))
    loss = xp.mean(yes * cost_yes + no * cost_no)

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, None, None]:
        want_dlogits, want_dtargets = (wants or (True, True))[:2]
        share = dy / math.prod(logits.shape)
        dlogits = dtargets = None
        if want_dlogits:
            dlogits = (no * sigmoid(logits) - yes * sigmoid(-logits)) * share
        if want_dtargets:
            cost = cost_yes
            if positive_weights is not None:
                cost = cost * positive_weights
            dtargets = (cost - cost_no) * share
            if weights is not None:
                dtargets = dtargets * weights
        return dlogits, dtargets, None, None

    return loss, pullback


def focal_with_logits(
    logits: Array,
    targets: Array,
    weights: Array | None = None,
    positive_weights: Array | None = None,
    *,
    gamma: float = 2.0,
) -> tuple[Array, Pullback]:
    """Return the mean focal loss of independent yes/no scores.

    It is `bce_with_logits` in which scores that are confident and right count less. With the
    sigmoid s(x):

        loss = mean(w (p t (1 - s)^gamma softplus(-x) + (1 - t) s^gamma softplus(x)))

    Powers are stable as (1 - s)^gamma = e^(-gamma softplus(x)), s^gamma = e^(-gamma softplus(-x)).

    Backward, by d softplus(-x) = -(1 - s), d s = s (1 - s), and N being the number of elements:

        dx = w ((1 - t) s^gamma (s + gamma (1 - s) softplus(x))
                - p t (1 - s)^gamma (1 - s + gamma s softplus(-x))) / N
        dt = w (p (1 - s)^gamma softplus(-x) - s^gamma softplus(x)) / N

    Source: Lin et al., "Focal loss for dense object detection", 2017, equations 4 and 5.

    Args:
        logits: scores x, any shape.
        targets: t in [0, 1], of the shape and dtype of the logits.
        weights, positive_weights: w and p, of shapes that broadcast to that of the logits, or None.
        gamma: at least 0; 0 is `bce_with_logits`.

    Returns:
        the loss, and the pullback dloss -> (dlogits, dtargets, None, None).

    Kernels: none.
    """
    xp = namespace(logits)
    yes, no = targets, 1.0 - targets
    if positive_weights is not None:
        yes = yes * positive_weights
    if weights is not None:
        yes, no = yes * weights, no * weights
    s, rest = sigmoid(logits), sigmoid(-logits)
    cost_yes, cost_no = (softplus(x, threshold=math.inf) for x in (-logits, logits))
    hard_yes, hard_no = (xp.exp(-gamma * cost) for cost in (cost_no, cost_yes))
    loss = xp.mean(yes * hard_yes * cost_yes + no * hard_no * cost_no)

    def pullback(
        dy: Array, wants: Sequence[bool] | None = None
    ) -> tuple[Array | None, Array | None, None, None]:
        want_dlogits, want_dtargets = (wants or (True, True))[:2]
        share = dy / math.prod(logits.shape)
        dlogits = dtargets = None
        if want_dlogits:
            rise = no * hard_no * (s + gamma * (rest * cost_no))
            fall = yes * hard_yes * (rest + gamma * (s * cost_yes))
            dlogits = (rise - fall) * share
        if want_dtargets:
            cost = hard_yes * cost_yes
            if positive_weights is not None:
                cost = cost * positive_weights
            dtargets = (cost - hard_no * cost_no) * share
            if weights is not None:
                dtargets = dtargets * weights
        return dlogits, dtargets, None, None

    return loss, pullback
