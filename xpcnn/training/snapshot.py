"""A run between two updates, for callbacks."""

from dataclasses import dataclass, field

from xpcnn.network import Network
from xpcnn.training.progress import Progress
from xpcnn.training.recipe import Recipe
from xpcnn.training.step import gradients
from xpcnn.training.updates import Update
from xpcnn.types import namespace


@dataclass(frozen=True)
class Snapshot:
    """Where a run is after an update, and its network with the weights of that moment.

    epoch: number of the epoch, from 1.
    batch: number of batches done in this epoch.
    batches: number of batches in an epoch.
    step: number of updates done in the run.
    network: the network at this moment; valid during the call that gets the snapshot, since later
        updates write into its arrays. Training goes on from weights that the call changes, in place
        or by another array in their place.
    """

    epoch: int
    batch: int
    batches: int
    step: int
    network: Network
    _recipe: Recipe = field(repr=False)
    _progress: Progress = field(repr=False)
    _update: Update = field(repr=False)

    def gradient_norms(self) -> dict[str, float]:
        """Return the norm of the gradient of each parameter, by path: "layers.0.weight".

        The gradients are those of the loss for the batches of the last update, at the present
        weights, before clipping; in a group of processes, for the rows of this process. Costs a
        forward and a backward pass, and waits for the device.
        """
        update = self._update
        _, found = gradients(self._recipe, self._progress, update.batches, update.first_pass)
        return {path: float(namespace(g).sum(g * g)) ** 0.5 for path, g in found.items()}
