"""What a run needs, made from its flags: all of it before the run folder is created."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from xpcnn import data, engines
from xpcnn.cli.flag_parsing import image_size, numbers
from xpcnn.cli.flag_values import Flags
from xpcnn.cli.model_opening import model_path, open_backend, open_init
from xpcnn.cli.request import Request
from xpcnn.cli.run_data import read_data, with_note
from xpcnn.cli.run_folder import CHECKPOINTS
from xpcnn.cli.settings import Settings, resolve, run_table
from xpcnn.config import toml
from xpcnn.config.preset import Preset
from xpcnn.config.tables import to_config
from xpcnn.data import Dataset
from xpcnn.data.reading import observed
from xpcnn.errors import ConfigError, ShapeError, hint, reason_of
from xpcnn.io.foreign.weights import is_foreign
from xpcnn.io.network_file import Facts
from xpcnn.io.weight_transfer import LoadedWeights, take_weights
from xpcnn.model import Model, model_of
from xpcnn.model_arguments import as_classes, check_seed
from xpcnn.models import preset
from xpcnn.models.preset_of_model import preset_of, without_weights_of_other_classes
from xpcnn.network import Network
from xpcnn.training import Checkpoints
from xpcnn.training.last_batch import check_last_batch
from xpcnn.training.memory_check import check_memory
from xpcnn.training.option_checks import check_task, check_validation
from xpcnn.training.recipe import recipe_for


class Plan(NamedTuple):
    """What a run needs.

    flags: those given, with choices where none was given.
    config: the table of the config.toml that repeats the run.
    init, loaded: the model file whose weights the run starts from, and which of its layers were
        taken; None for new weights.
    """

    model: Model
    settings: Settings
    flags: Flags
    config: dict[str, Any]
    train: Dataset
    validation: Dataset | None
    test: Dataset
    checkpoints: Checkpoints
    init: Path | None
    loaded: LoadedWeights | None

    @property
    def data(self) -> list[Dataset]:
        """The parts of the data."""
        return [part for part in (self.train, self.validation, self.test) if part is not None]


def prepare(request: Request, resumed: bool = False) -> Plan:
    """Open the backend, read the data, build the model; writes nothing.

    resumed: whether the run was begun before, perhaps by an older version, which took networks that
        are rejected today: they are warned of, as they are when their model is loaded.

    Raises:
        XpcnnError: the request or the data are rejected.
    """
    flags = request.flags
    library = open_backend(flags.backend, flags.device, flags.tf32)
    source = None if flags.init is None else open_init(flags.init, flags.model)
    given = None
    if flags.model is not None:
        given = preset(flags.model)
    elif source is not None:
        given = preset_of(source, "init")
    if given is not None and flags.image_size is not None and data.is_path(flags.dataset):
        _check_size(request, given, flags.image_size)
    whole, train, validation, test, flags = read_data(flags, source)
    lost: tuple[str, ...] = ()
    if flags.model is None and source is not None and given is not None:
        given, lost = without_weights_of_other_classes(given, source, whole.classes)
    settings = resolve(request, given, whole)
    if lost and not any(change.path[0] == "loss" for change in request.changes):
        note = f"the {' and '.join(lost)} of {flags.init} are not used: they are of other classes"
        settings = settings._replace(notes=(*settings.notes, note))
    layers, processes = settings.preset.layers, engines.opened_group().size
    tight = check_memory(
        layers, train.shape, flags.dtype, library, len(train), settings.training, processes
    )
    if tight is not None:
        train = with_note(train, tight)
    network = Network(
        layers,
        input_shape=train.shape,
        backend=library,
        seed=check_seed(flags.seed),
        loss=settings.preset.loss,
        dtype=flags.dtype,
        task=settings.preset.task,
        saved=resumed,
    )
    classes = as_classes(train.classes, network.task.least)
    reading = whole.reading or observed(whole.images)
    model = model_of(network, Facts(flags.seed, classes, reading, {}))
    _take_thresholds(model, flags.thresholds, validation)
    init = loaded = None
    if source is not None and flags.init is not None:
        init = model_path(flags.init)
        known = () if is_foreign(flags.init) else source.classes  # else the head is not taken
        loaded = take_weights(model.network, source.network, flags.init, model.classes, known)
    if loaded is not None and settings.training.unfreeze_after is not None:
        settings = settings.frozen(loaded.taken)
    config = run_table(_with_absolute_paths(flags), settings.training)
    toml.write(config)  # rejects now what the run folder could not hold
    to_config(model.layers)  # rejects now what could not be saved in the end
    recipe_for(model.network, settings.training, model.seed)  # rejects patterns that fit nothing
    check_validation(settings.training, validation is not None)
    check_task(settings.training, model.task)
    check_last_batch(model.network, len(train), settings.training, processes)
    checkpoints = Checkpoints(
        CHECKPOINTS,
        every_steps=flags.checkpoint_steps,
        every_seconds=flags.checkpoint_seconds,
    )
    return Plan(model, settings, flags, config, train, validation, test, checkpoints, init, loaded)


def _check_size(request: Request, given: Preset, size: str) -> None:
    """Require that a network fits pictures of a size, before they are read.

    Raises:
        ShapeError: it does not.
    """
    found, shape = image_size(size), given.input_shape
    changed = any(change.path[0] == "layers" for change in request.changes)
    if found is None or 0 in found or len(shape) < 3 or changed:
        return  # seen later
    try:
        given.for_data((shape[0], *found), given.classes)
    except ShapeError as error:
        advice = f"--image-size {shape[1]},{shape[2]}, for which {given.name} is made"
        raise ShapeError(hint(reason_of(error), advice)) from error


def _take_thresholds(model: Model, thresholds: str | None, validation: Dataset | None) -> None:
    """Give the model the thresholds that are numbers; "best" ones are found after training."""
    if thresholds == "best":
        if validation is None or model.task.name != "multi-label":
            message = "the best thresholds are those of several labels on a validation part"
            raise ConfigError(hint(message, "--thresholds 0.5,0.3,..., or leave it out"))
    elif thresholds is not None:
        model.set_thresholds(numbers(thresholds))


def _with_absolute_paths(flags: Flags) -> Flags:
    """Return flags that find the same data from any folder, so that a run is resumed from any."""

    def absolute(path: str) -> str:
        return str(Path(os.path.expanduser(path)).absolute())

    dataset, data_dir, validation = flags.dataset, flags.data_dir, flags.validation
    return replace(
        flags,
        dataset=absolute(dataset) if data.is_path(dataset) else dataset,
        data_dir=data_dir and absolute(data_dir),
        validation=absolute(validation) if isinstance(validation, str) else validation,
    )
