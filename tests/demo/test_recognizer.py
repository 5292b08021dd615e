"""What the demo answers to a picture: the same as `xpcnn predict`, and what the network sees."""

import base64
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

import xpcnn
from xpcnn.data.reading import Drawn, Pictures
from xpcnn.demo.feature_maps import first_feature_maps
from xpcnn.demo.recognizer import Recognizer
from xpcnn.errors import CheckpointError, DataError
from xpcnn.layers import Conv2D, Dense, Flatten, ReLU, Sequential

pytest.importorskip("PIL", reason="Pillow is not installed")


def model_for(task: xpcnn.tasks.Task) -> xpcnn.Model:
    names = [f"class {i}" for i in range(3)]
    layers = Sequential([Conv2D(4, 3), ReLU(), Flatten(), Dense(3)])
    made = xpcnn.Model(layers, input_shape=(1, 8, 8), classes=names, seed=1, task=task)
    made.set_normalisation(mean=0.0, std=255.0)
    made.reading = Drawn((8, 8), 0.0, 255.0, "dark", 1.0)
    return made


def model(classes: int = 3) -> xpcnn.Model:
    made = xpcnn.Model(
        Sequential([Conv2D(4, 3), ReLU(), Flatten(), Dense(classes)]),
        input_shape=(1, 8, 8),
        classes=[f"class {i}" for i in range(classes)],
        seed=1,
    )
    made.reading = Drawn((8, 8), 0.0, 255.0, "dark", 1.0)
    return made


def png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def pixels_of(uri: str) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(BytesIO(base64.b64decode(uri.partition(",")[2]))))


def page_with_a_line() -> np.ndarray:
    page = np.full((40, 40), 255, dtype=np.uint8)
    page[5:35, 18:22] = 0
    return page


def test_warming_up_changes_no_answer() -> None:
    cold, warm = (Recognizer(model(), "mine") for _ in range(2))
    warm.warm_up()
    picture = png(page_with_a_line())
    assert warm.answer(picture) == cold.answer(picture)


def test_the_answer_is_the_one_of_predict(tmp_path: Path) -> None:
    from xpcnn.data.pictures import read_picture

    own, file = model(), tmp_path / "line.png"
    file.write_bytes(png(page_with_a_line()))
    found = Recognizer(own, "mine").answer(file.read_bytes())
    assert own.reading is not None
    sample = read_picture(file, own.reading).sample
    p = own.predict_proba(sample[None])[0]
    assert [entry["probability"] for entry in found["classes"]] == p.tolist()
    assert found["class"] == f"class {p.argmax()}"
    assert (found["framed"], found["inverted"], found["blank"]) == (True, True, False)
    np.testing.assert_array_equal(pixels_of(found["sample"]), sample[0].round())


def test_the_maps_are_the_first_convolutions_output() -> None:
    own = model()
    sample = np.random.default_rng(0).uniform(0, 255, (1, 8, 8)).astype(np.float32)
    maps = first_feature_maps(own, sample)
    assert maps is not None
    w = own.get_weights()
    y, _ = xpcnn.ops.conv2d(sample[None], w["layers.0.weight"], w["layers.0.bias"])
    assert maps.layer == "layers.0 (Conv2D)"
    np.testing.assert_allclose(maps.values, y[0], rtol=1e-5, atol=1e-3)


def test_a_network_without_a_convolution_has_no_maps() -> None:
    own = xpcnn.Model([Flatten(), Dense(3)], input_shape=(1, 8, 8))
    assert first_feature_maps(own, np.zeros((1, 8, 8), np.float32)) is None


def test_a_blank_page_has_no_class() -> None:
    found = Recognizer(model(), "mine").answer(png(np.full((40, 40), 255, dtype=np.uint8)))
    assert found["blank"]
    assert found["class"] is None
    assert found["classes"] == []


def test_of_many_classes_the_most_probable_are_listed() -> None:
    found = Recognizer(model(12), "mine").answer(png(page_with_a_line()))
    p = [entry["probability"] for entry in found["classes"]]
    assert len(p) == 10
    assert p == sorted(p, reverse=True)
    assert found["class"] == found["classes"][0]["name"]


def test_labels_that_reach_their_thresholds() -> None:
    own = model_for(xpcnn.tasks.MultiLabel(thresholds=(1e-30, 0.999999, 1e-30)))
    found = Recognizer(own, "mine").answer(png(page_with_a_line()))
    assert found["class"] == "class 0, class 2"
    assert [entry["chosen"] for entry in found["classes"]] == [True, False, True]
    assert all(0.0 < entry["probability"] < 1.0 for entry in found["classes"])
    none = Recognizer(model_for(xpcnn.tasks.MultiLabel(thresholds=(0.999999,) * 3)), "mine")
    assert none.answer(png(page_with_a_line()))["class"] == "none of the labels"
    assert none.about()["task"] == "multi-label"


def test_numbers_in_the_units_of_the_targets() -> None:
    own = model_for(xpcnn.tasks.Regression((100.0, 200.0, 300.0), (1.0, 1.0, 1e-3)))
    found = Recognizer(own, "mine").answer(png(page_with_a_line()))
    numbers = {entry["name"]: entry["number"] for entry in found["classes"]}
    assert numbers["class 2"] == pytest.approx(300.0, abs=1.0)
    assert found["class"] == ", ".join(f"{name} {x:.6g}" for name, x in numbers.items())
    blank = Recognizer(own, "mine").answer(png(np.full((40, 40), 255, dtype=np.uint8)))
    assert (blank["class"], blank["classes"]) == (None, [])


def test_what_is_no_picture_is_rejected_without_a_path() -> None:
    text = "^the picture: is not a picture in a format that can be read"
    with pytest.raises(DataError, match=text):
        Recognizer(model(), "mine").answer(b"junk")


def test_models_that_cannot_read_pictures_are_rejected() -> None:
    with pytest.raises(CheckpointError, match="does not say how its samples were read"):
        Recognizer(xpcnn.Model([Flatten(), Dense(3)], input_shape=(1, 8, 8)), "mine")
    with pytest.raises(DataError, match=r"samples of shape \(4,\), not images"):
        Recognizer(xpcnn.Model([Dense(3)], input_shape=(4,)), "mine")


def test_about_says_whether_to_draw() -> None:
    own = model()
    about = Recognizer(own, "mine").about()
    assert about["drawn"]
    assert about["parameters"] == 9 * 4 + 4 + 4 * 36 * 3 + 3
    own.reading = Pictures("L", (8, 8))
    assert not Recognizer(own, "mine").about()["drawn"]
