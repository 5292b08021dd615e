"""A file of the classes of all images of a CSV file, as Kaggle's competitions take it."""

import csv
import os
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from xpcnn.cli.output import say
from xpcnn.cli.output_file import check_new, write_text
from xpcnn.cli.target_predictions import TargetPredictions
from xpcnn.data.own_data import unlabelled
from xpcnn.errors import DataError, hint
from xpcnn.model import Model
from xpcnn.model_facts import class_names
from xpcnn.tasks import Classification


def submit(model: Model, dataset: str, path: str, force: bool, views: Sequence[str]) -> int:
    """Write the class of every image of a CSV file to another one, and return how many there are.

    Where the images have ids, the file has a column of these under their own name, and `label`;
    otherwise ImageId, counted from 1, and Label. Of several labels (1 or 0) and of numbers, there
    is a column for each, under its name. The file is written completely or not at all.

    Raises:
        ConfigError: the file is there already, and not `force`.
        DataError: the images cannot be read, or are not like those of the model.
        CheckpointError: the file cannot be written.
    """
    target = check_new(path, force)
    if len(model.input_shape) != 3:
        message = f"the model takes samples of shape {model.input_shape}, not images"
        raise DataError(hint(message, "a model of images, or model.predict(rows) in Python"))
    given = unlabelled(Path(os.path.expanduser(dataset)), model.input_shape[1:])
    if given.layout.note:
        say(f"note: {given.layout.note}")
    names = class_names(model)
    p = model.estimates(given.images, views=views)
    if isinstance(model.task, Classification):
        own, answers = ["Label"], [[names[k]] for k in p.argmax(axis=1).tolist()]
    else:
        found = TargetPredictions("row", (), names, model.task, p).decided
        own, answers = list(names), [[f"{x:.6g}" for x in row] for row in found]
    first, ids = "ImageId", given.ids
    if ids is None:
        ids = tuple(map(str, range(1, len(answers) + 1)))
    else:
        first = (given.layout.names[given.layout.ids[0]] if given.layout.header else "") or "id"
        own = ["label"] if own == ["Label"] else own
    text = StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([first, *own])
    table.writerows([name, *answer] for name, answer in zip(ids, answers, strict=True))
    write_text(target, text.getvalue())
    return len(answers)
