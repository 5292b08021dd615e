"""A run that diverges ends with an error that names the first tensor that is not finite.

training/step.py           A step notes on the device whether the loss is finite. Gradients are
                           checked only where they are clipped, which could hide NaN: elsewhere it
                           reaches the weights or the optimizer's state, which are checked.
DivergenceCheck            Reads these notes, and all weights, before each validation and each
                           checkpoint, and at the end of each epoch. So no checkpoint holds NaN or
                           infinity.
training/divergence.py     Repeats the updates since the last check, to find the first tensor.
training/saver.py          Keeps the update that failed, as checkpoints/not-finite.safetensors
                           (form: replay_file.py), for `xpcnn replay`. A run without checkpoints
                           keeps nothing.
training/run.py            Leaves the network as it was before `fit` (`Run.train`).

Training continues between checks; earlier checkpoints stay. For a validation loss, a mean loss or a
loss scale that fails while all values are finite, no tensor is named and no update is kept, but a
checkpoint is.

The error reads, for example:

    training diverged: the output of layers.0 (Conv2D) is not finite (12 of 512 values), at update 3
    (epoch 1)
    Try: a smaller learning rate than 0.1, or clip_norm=1.0; xpcnn replay RUN/... repeats the update
"""

from itertools import islice
from typing import NoReturn

from xpcnn.errors import XpcnnError, hint
from xpcnn.process_group import by_first, shared
from xpcnn.training.divergence import first_failing
from xpcnn.training.loss_scale import collapse
from xpcnn.training.progress import Position, all_finite
from xpcnn.training.run_state import RunState
from xpcnn.training.saver import Saver


class DivergenceCheck:
    """Requires finite values of a run; every check waits for the device.

    good: the last position at which everything was seen to be finite.
    """

    def __init__(self, state: RunState, saver: Saver | None) -> None:
        self.state, self.saver = state, saver
        self.good: Position = state.now

    def require_finite(self) -> None:
        """Require that everything is finite now, and that the loss scale has not collapsed.

        An update that was skipped for the scale leaves everything finite, and is no divergence.

        Raises:
            XpcnnError: a value is not; says at which update and tensor that began.
        """
        if not self.is_finite():
            by_first(self.state.group, self._explain)
        if (collapsed := collapse(self.state.now.progress.scaling)) is not None:
            self.fail(collapsed)
        self.good = self.state.now

    def is_finite(self) -> bool:
        """Return whether everything is finite now."""
        return bool(all_finite(self.state.now.progress))

    def fail(self, what: str, *more: str, step: int | None = None) -> NoReturn:
        """Raise the error of a run that diverged, with advice.

        what: what is not finite; more: further advice; step: the update, by default the last one.
        """
        step = self.state.step if step is None else step
        rate = self.state.updates.rate(step, self.state.history.losses())
        advice = f"a smaller learning rate than {rate:g}, or clip_norm=1.0"
        raise shared(XpcnnError(hint(f"training diverged: {what}", "; ".join([advice, *more]))))

    def _explain(self) -> NoReturn:
        """Repeat the updates since everything was finite, up to the first that fails.

        One process repeats them alone, on whole batches.
        """
        (progress, passes), history = self.good, self.state.history
        updates, epoch = self.state.whole_updates, len(history) + 1
        skip = passes - (epoch - 1) * updates.batches_per_epoch
        since = self.state.step - updates.done_after(passes)
        repeated = islice(updates.epoch(epoch, skip, history.losses()), since)
        recipe = self.state.whole_recipe_of(updates.done_after(passes) + 1)
        found = first_failing(recipe, progress, repeated)
        if found is None:
            self.fail("a value is not finite, and none is when the steps are repeated")
        what, before, update = found
        step, advice = int(update.step), []
        if self.state.network.compute_dtype == "float16":
            advice.append("dtype 'float32', in which nothing overflows at 65504")
        if self.saver is not None:
            advice.append(self.saver.keep_case(before, update, recipe.parameter_groups))
        self.fail(f"{what}, at update {step} (epoch {epoch})", *advice, step=step)
