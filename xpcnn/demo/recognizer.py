"""Answer one picture at a time: what a model says, and what its first layers see."""

import base64
from io import BytesIO
from threading import Lock
from typing import Any

import numpy as np

from xpcnn.data.drawn import value_range
from xpcnn.data.picture_files import InMemory, require_pillow
from xpcnn.data.pictures import check_reading, read_picture
from xpcnn.data.reading import Drawn
from xpcnn.demo.feature_maps import first_feature_maps
from xpcnn.model import Model
from xpcnn.model_facts import class_names, reading_of
from xpcnn.tasks import MultiLabel

_MOST_CLASSES = 10
_MOST_MAPS = 32


class Recognizer:
    """Answers picture files with a model of images, one at a time, from any thread.

    Pictures are read as `xpcnn predict` reads them: as the model's own samples were read.

    Args:
        model: a model that knows how its samples were read.
        name: what the page calls it, such as the path of its run.

    Raises:
        DataError: the model takes no images, or Pillow is missing.
        CheckpointError, ConfigError: no picture can be read for the model.
    """

    def __init__(self, model: Model, name: str) -> None:
        self.model = model
        self.reading = reading_of(model)
        check_reading(self.reading)
        require_pillow()
        self.classes = class_names(model)
        self.name = name
        self._lock = Lock()

    def warm_up(self) -> None:
        """Compute once, so that the first picture does not wait for what is loaded on first use."""
        sample = np.zeros(self.model.input_shape, dtype=np.float32)
        self.model.estimates(sample[None])
        first_feature_maps(self.model, sample)
        _png(sample)

    def about(self) -> dict[str, Any]:
        """Return what the page says of the model.

        drawn: whether its samples are drawings on a plain ground, so that one can be drawn for it.
        """
        return {
            "name": self.name,
            "data": self.model.provenance.get("data"),
            "parameters": self.model.summary().parameters,
            "shape": list(self.model.input_shape),
            "classes": list(self.classes),
            "task": self.model.task.name,
            "drawn": isinstance(self.reading, Drawn),
        }

    def answer(self, content: bytes) -> dict[str, Any]:
        """Return the answer to a picture file, given as its bytes.

        framed, inverted, blank: see `xpcnn.data.pictures.Picture`.
        class: the most probable one, or the labels that reach their thresholds, or all numbers, as
            a text; None for a blank picture.
        classes: all classes or labels in their order; of more than 10, the most probable ones. Each
            has a name, a probability, and whether it is the answer (chosen). Numbers have a name
            and a number.
        sample: the picture as the network sees it, a PNG file in a data URI.
        maps: the outputs of the first convolution: its layer, their shape, and pictures as PNG
            files in data URIs; None for a blank picture, or without a convolution.

        Raises:
            DataError: the bytes are no picture that can be read.
        """
        with self._lock:
            picture = read_picture(InMemory("the picture", content), self.reading)
            facts = {mark: getattr(picture, mark) for mark in ("framed", "inverted", "blank")}
            sample = _png(picture.sample)
            if picture.blank:
                return facts | {"class": None, "classes": [], "sample": sample, "maps": None}
            found = self.model.estimates(picture.sample[None])[0]
            maps = first_feature_maps(self.model, picture.sample)
        shown = maps and {
            "layer": maps.layer,
            "shape": list(maps.values.shape),
            "pictures": [_png(values[None]) for values in maps.values[:_MOST_MAPS]],
        }
        return facts | self._said(found) | {"sample": sample, "maps": shown}

    def _said(self, found: np.ndarray) -> dict[str, Any]:
        """Return the answer to a picture of which the model estimates probabilities or numbers."""
        task = self.model.task
        if task.name == "regression":
            numbers = dict(zip(self.classes, map(float, found), strict=True))
            said = ", ".join(f"{name} {x:.6g}" for name, x in numbers.items())
            return {
                "class": said,
                "classes": [{"name": name, "number": x} for name, x in numbers.items()],
            }
        best = np.argsort(-found, kind="stable")
        chosen = [int(best[0])]
        if isinstance(task, MultiLabel):
            chosen = np.flatnonzero(task.decided(found)).tolist()
        many = len(found) > _MOST_CLASSES
        classes = [
            {"name": self.classes[i], "probability": float(found[i]), "chosen": i in chosen}
            for i in (best[:_MOST_CLASSES].tolist() if many else range(len(found)))
        ]
        said = ", ".join(self.classes[i] for i in chosen)
        return {"class": said or "none of the labels", "classes": classes}


def _png(image: np.ndarray) -> str:
    """Return an image (c, h, w) as the data URI of a PNG file.

    Its least value is black, its greatest white; colour pictures of 8 bits keep their colours.
    Images of 1 or 3 channels are shown as they are, others by the mean of their channels.
    """
    from PIL import Image

    x = image if len(image) in (1, 3) else image.mean(axis=0, keepdims=True)
    low, high = value_range(x)
    levels = (x - low) * (255.0 / (high - low) if high > low else 0.0)
    pixels = levels.round().astype(np.uint8).transpose(1, 2, 0)  # (h, w, c)
    file = BytesIO()
    Image.fromarray(pixels[:, :, 0] if len(x) == 1 else pixels).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
