"""What the rounding errors of a network are relative to: the op on absolute values, layer by layer.

A gradient may cancel to nearly zero (that of a bias before batch normalisation), while its rounding
error stays in proportion to the sum of the absolute values of its terms.
"""

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class Magnitudes:
    """Watches the passes of a module; afterwards returns the magnitudes of the last ones.

    Looks at the layers with parameters: those between them sum few terms and enlarge nothing.
    """

    def __init__(self, module: nn.Module) -> None:
        self.layers = [m for m in module.modules() if list(m.parameters(recurse=False))]
        self.x: dict[nn.Module, Tensor] = {}
        self.y: dict[nn.Module, Tensor] = {}
        self.dy: dict[nn.Module, Tensor] = {}
        for layer in self.layers:
            layer.register_forward_hook(self._watch)

    def _watch(self, layer: nn.Module, inputs: Any, y: Any) -> None:
        self.x[layer], self.y[layer] = inputs[0].detach(), y.detach()
        if y.requires_grad:
            y.register_hook(lambda dy: self.dy.update({layer: dy}))

    def of_gradients(self) -> list[float]:
        """Return for each parameter the largest sum of |terms| in its gradient.

        The largest, as x and dy themselves have errors in proportion to their largest elements.
        """
        found = (terms(layer, self.x[layer], self.dy[layer]) for layer in self.layers)
        return [float(g.max()) for gradients in found for g in gradients]

    def of_scores(self) -> float:
        """Return the largest |w| |x| + |b| of the last layer with parameters."""
        layer = self.layers[-1]
        if isinstance(layer, nn.BatchNorm2d):  # divides by what it is given
            return float(abs(self.y[layer]).max())
        positive = copy.deepcopy(layer)
        with torch.no_grad():
            for p in positive.parameters():
                p.abs_()
            return float(positive.forward(abs(self.x[layer])).max())

    def of_loss(self) -> float:
        """Return how far the loss moves where each score moves by the largest magnitude."""
        return (1 + float(abs(self.dy[self.layers[-1]]).sum())) * self.of_scores()

    def roundings(self) -> float:
        """Return by how many units of rounding of these magnitudes two sides may differ.

        A sum of K terms is off by at most 6 + 2 sqrt(K) (measured for convolutions). A layer has
        one sum forward and one backward, both of at most the K of its longest; both sides round.
        """
        return 4 * sum(6 + 2 * math.sqrt(longest(m, self.y[m])) for m in self.layers)


def longest(layer: nn.Module, y: Tensor) -> int:
    """Return the number of terms of the longest sum of a layer, forward or backward."""
    weight = next(layer.parameters(recurse=False))
    of_a_gradient = y.numel() // y.shape[1]  # of a weight or a bias: over the batch and the pixels
    if not isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        return max(of_a_gradient, weight.numel())
    groups = getattr(layer, "groups", 1)
    first, second = (weight.numel() // size for size in weight.shape[:2])  # (out, in / groups, ...)
    return max(of_a_gradient, first, second // groups)


def terms(layer: nn.Module, x: Tensor, dy: Tensor) -> list[Tensor]:
    """Return for each parameter of a layer the sums of |terms| of its gradient."""
    if isinstance(layer, nn.BatchNorm2d):
        axes = [i for i in range(x.ndim) if i != 1]
        normal = functional.batch_norm(x, None, None, training=True, eps=layer.eps)
        return [abs(dy * normal).sum(axes), abs(dy).sum(axes)]
    # linear in the parameters, PReLU on negative x too: at -|x| and |dy| all terms have one sign
    total = (layer.forward(-abs(x)) * abs(dy)).sum()
    return [abs(g) for g in torch.autograd.grad(total, list(layer.parameters(recurse=False)))]
