"""Groups of parameters: learning rates by patterns of paths, and frozen parameters.

Patterns are those of file names, where `*` stands for any text: `layers.0.*`, `*.bias`.
"""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from xpcnn.errors import ConfigError, hint, nearest
from xpcnn.optimizers.common import Arrays, Optimizer, State
from xpcnn.optimizers.results import as_update, check_state, is_of_xpcnn, read_only
from xpcnn.options import NON_NEGATIVE, number
from xpcnn.types import Array


class Groups(NamedTuple):
    """Which parameters learn, and with which factor of the learning rate.

    learning: pairs of a factor and the paths of its parameters; a path is in one group at most.
    late, begun: paths of the parameters that were frozen in the first `begun` updates of the run.
        Their moving averages start at zero after these, so that their steps are counted from there.
    """

    learning: tuple[tuple[float, tuple[str, ...]], ...]
    late: frozenset[str] = frozenset()
    begun: int = 0

    def update(
        self,
        optimizer: Optimizer,
        params: Arrays,
        grads: Arrays,
        state: State,
        lr: Array,
        step: Array,
        number: Array | None = None,
    ) -> tuple[Arrays, State]:
        """Return all parameters, frozen ones unchanged, and the state after a step.

        step: the step of the optimizer, from 1, without updates that were skipped.
        number: that of the update in the run; by default `step`.
        """
        late_step = step
        if self.late:
            late_step = (step if number is None else number) - self.begun
        new = dict(params)
        after: State = {quantity: dict(arrays) for quantity, arrays in state.items()}
        for factor, paths in self.learning:
            own_state = {  # an optimizer may keep a quantity of some parameters only
                quantity: _of(arrays, [path for path in paths if path in arrays])
                for quantity, arrays in state.items()
            }
            rate = lr if factor == 1.0 else lr * factor
            own_params, own_grads = _of(params, paths), _of(grads, paths)
            if not is_of_xpcnn(optimizer):
                own_params, own_grads = read_only(own_params), read_only(own_grads)
                own_state = {quantity: read_only(arrays) for quantity, arrays in own_state.items()}
            own_step = late_step if paths[0] in self.late else step
            found = optimizer.update(own_params, own_grads, own_state, rate, own_step)
            updated, memory = as_update(optimizer, found, own_params, own_state)
            new |= updated
            for quantity, arrays in memory.items():
                after[quantity] |= arrays
        return new, after

    def init(self, optimizer: Optimizer, params: Arrays) -> State:
        """Return the optimizer's state before the first step, without frozen parameters."""
        found = optimizer.init(_of(params, self.paths))
        return check_state(optimizer, found, "init", self.paths)

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of the parameters that learn."""
        return tuple(path for _, paths in self.learning for path in paths)


def parameter_groups(
    params: Sequence[str],
    buffers: Sequence[str] = (),
    factors: Mapping[str, float] | None = None,
    freeze: Sequence[str] = (),
    late: Sequence[str] = (),
    begun: int = 0,
) -> Groups:
    """Return the groups of parameters that learn.

    Args:
        params: paths of the parameters.
        buffers: paths of the running statistics, which only patterns in `freeze` may match.
        factors: factor of the learning rate by pattern; the first pattern that matches a path wins,
            a factor 0 freezes, and other parameters have factor 1.
        freeze: patterns of the parameters that are not trained.
        late, begun: patterns of those that were frozen in the first `begun` updates.

    Raises:
        ConfigError: a pattern matches no path, or all parameters are frozen.
    """
    factors = factors or {}
    _check_use("layer_lr", tuple(factors), params)
    _check_use("freeze", freeze, [*params, *buffers])
    by_factor: dict[tuple[float, bool], list[str]] = {}
    for path in params:
        if not is_frozen(path, freeze):
            fits = (factor for pattern, factor in factors.items() if fnmatchcase(path, pattern))
            if (factor := next(fits, 1.0)) > 0.0:
                by_factor.setdefault((factor, is_frozen(path, late)), []).append(path)
    if params and not by_factor:
        raise ConfigError(hint("freeze and layer_lr leave no parameter to train", "fewer patterns"))
    waited = frozenset(path for path in params if is_frozen(path, late))
    learning = tuple((factor, tuple(paths)) for (factor, _), paths in by_factor.items())
    return Groups(learning, waited, begun)


def is_frozen(path: str, freeze: Sequence[str]) -> bool:
    """Whether one of the patterns `freeze` matches `path`."""
    return any(fnmatchcase(path, pattern) for pattern in freeze)


def frozen_layers(
    params: Sequence[str], buffers: Sequence[str], freeze: Sequence[str]
) -> frozenset[str]:
    """Return the paths of the layers whose running statistics are frozen.

    A layer is frozen if a pattern matches one of its statistics, or if patterns match all its
    parameters.
    """
    if not freeze:
        return frozenset()
    frozen = {layer_of(path) for path in buffers if is_frozen(path, freeze)}
    for layer in {layer_of(path) for path in buffers} - frozen:
        own = [path for path in params if layer_of(path) == layer]
        if own and all(is_frozen(path, freeze) for path in own):
            frozen.add(layer)
    return frozenset(frozen)


def layer_of(path: str) -> str:
    """Return the path of the layer to which the parameter or running statistic `path` belongs."""
    return path.rpartition(".")[0]


def check_factors(factors: Any) -> dict[str, float]:
    """Return factors by pattern, each a finite number of at least 0.

    Raises:
        ConfigError: `factors` is anything else.
    """
    advice = 'layer_lr={"layers.0.*": 0.1}'
    if not isinstance(factors, Mapping):
        message = f"layer_lr is a {type(factors).__name__}, expected factors by pattern"
        raise ConfigError(hint(message, advice))
    _check_texts("layer_lr", factors, advice)
    return {
        pattern: number("layer_lr", repr(pattern), factor, NON_NEGATIVE, f"0.1 for {pattern!r}")
        for pattern, factor in factors.items()
    }


def check_patterns(freeze: Any) -> tuple[str, ...]:
    """Return a list of patterns as a tuple.

    Raises:
        ConfigError: `freeze` is anything else, for example a single text.
    """
    advice = 'freeze=["layers.0.*"]'
    if not isinstance(freeze, list | tuple):
        message = f"freeze is a {type(freeze).__name__}, expected a list of patterns"
        raise ConfigError(hint(message, advice))
    _check_texts("freeze", freeze, advice)
    return tuple(freeze)


def _check_texts(option: str, patterns: Iterable[Any], advice: str) -> None:
    for pattern in patterns:
        if not isinstance(pattern, str):
            message = f"{option} has {pattern!r} for a pattern, expected a text"
            raise ConfigError(hint(message, advice))


def _of(arrays: Arrays, paths: Sequence[str]) -> Arrays:
    return {path: arrays[path] for path in paths}


def _check_use(option: str, patterns: Sequence[str], paths: Sequence[str]) -> None:
    """Require that each pattern matches a path."""
    for pattern in patterns:
        if not any(fnmatchcase(path, pattern) for path in paths):
            message = f"{option}: {pattern!r} fits no parameter"
            advice = f"a pattern such as {nearest(pattern, paths)}"
            layer = f"{pattern.rstrip('.')}."
            if any(path.startswith(layer) for path in paths):
                advice = f"'{layer}*', for all parameters in it"
            raise ConfigError(hint(message, advice))
