"""`xpcnn demo` in a browser: digits drawn by mouse and by keys, pictures dropped, two widths."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

import xpcnn
from tests.browser.strokes import Point, strokes_of
from tests.real_data import DATA
from tests.waiting import wait_until
from xpcnn.demo.recognizer import Recognizer
from xpcnn.demo.server import listen
from xpcnn.demo.trained_digits import example_model

pytestmark = pytest.mark.browser

PAPER = 280
THREE = [[(50, 90), (50, 180), (120, 190), (140, 130), (160, 190), (230, 180), (230, 90)]]


@contextmanager
def served(model: xpcnn.Model) -> Iterator[str]:
    """Serve the page for a model; yield its address."""
    import uvicorn

    from xpcnn.demo.pages import application

    config = uvicorn.Config(application(Recognizer(model, "a model")), log_level="warning")
    server = uvicorn.Server(config)
    with listen(0) as at:
        thread = Thread(target=server.run, kwargs={"sockets": [at]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{at.getsockname()[1]}/"
        finally:  # or the thread would keep the tests from ending
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def of_digits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[xpcnn.Model]:
    """The model that the demo makes for those who have none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        folder = str(DATA) if (DATA / "mnist").is_dir() else None
        yield example_model(folder, "numpy", lambda text: None)


def draw(browser: Any, strokes: list[list[Point]]) -> None:
    """Draw lines of (row, column) on the paper with the mouse."""
    from selenium.webdriver.common.actions.action_builder import ActionBuilder

    box = browser.execute_script(
        "const b = document.getElementById('paper').getBoundingClientRect();"
        "return [b.left, b.top, b.width / arguments[0]]",
        PAPER,
    )
    left, top, scale = box
    for stroke in strokes:
        actions = ActionBuilder(browser, duration=0)
        mouse: Any = actions.pointer_action
        for i, (row, column) in enumerate(stroke):
            mouse.move_to_location(round(left + column * scale), round(top + row * scale))
            if i == 0:
                mouse.pointer_down()
        mouse.pointer_up()
        actions.perform()


def answer(browser: Any) -> str:
    """Return the answer once the page waits for no other."""
    wait_until(lambda: not browser.execute_script("return busy || waiting !== null"))
    return str(browser.find_element("id", "answer").text)


def answer_to(browser: Any, picture: Path) -> str:
    """Give the page a picture, and return the answer once it is there."""
    before = answer(browser)
    browser.find_element("id", "file").send_keys(str(picture))
    wait_until(lambda: answer(browser) not in (before, "Computing …"))
    return answer(browser)


def opened(browser: Any, address: str, width: int = 1280) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(address)
    wait_until(lambda: bool(browser.find_element("id", "answer").text))


@pytest.mark.parametrize("width", [400, 1280])
def test_a_three_is_drawn_and_a_three_is_seen(
    browser: Any, of_digits: xpcnn.Model, width: int, look: Callable[..., Path]
) -> None:
    with served(of_digits) as address:
        opened(browser, address, width)
        assert answer(browser) == "Draw something"
        draw(browser, THREE)
        assert answer(browser) == "3"
        assert len(browser.find_elements("css selector", "#classes tr")) == 10
        maps = browser.find_elements("css selector", "#maps img")
        assert len(maps) == of_digits.layers.layers[0].filters  # type: ignore[attr-defined]
        inside = "return document.documentElement.scrollWidth <= innerWidth"
        assert browser.execute_script(inside), "the page is wider than the window"
        assert look(width, 900).stat().st_size > 0
        browser.find_element("id", "clear").click()
        assert answer(browser) == "Draw something"


def test_keys_draw_too(browser: Any, of_digits: xpcnn.Model) -> None:
    from selenium.webdriver.common.keys import Keys

    with served(of_digits) as address:
        opened(browser, address)
        paper = browser.find_element("id", "paper")
        paper.send_keys(" ", *[Keys.ARROW_DOWN] * 20, " ")
        assert answer(browser) == "1"
        paper.send_keys(Keys.ESCAPE)
        assert answer(browser) == "Draw something"


def test_digits_of_mnist_drawn_stroke_by_stroke(browser: Any, of_digits: xpcnn.Model) -> None:
    if not (DATA / "mnist").is_dir():
        pytest.skip("mnist is not here: set XPCNN_TEST_DATA to a folder that has mnist/")
    _, test = xpcnn.data.load("mnist", DATA / "mnist")
    answers = []
    with served(of_digits) as address:
        opened(browser, address)
        for image in test.images[:20, 0]:
            strokes = [[(r * 10 + 5, c * 10 + 5) for r, c in line] for line in strokes_of(image)]
            draw(browser, strokes)
            answers.append(answer(browser))
            browser.find_element("id", "clear").click()
    right = sum(a == str(label) for a, label in zip(answers, test.labels[:20], strict=True))
    assert right >= 18, answers


def test_a_picture_is_opened_for_a_model_of_pictures(browser: Any, tmp_path: Path) -> None:
    from PIL import Image

    from xpcnn.data.reading import Pictures

    model = xpcnn.Model(
        [xpcnn.layers.Conv2D(4, 3), xpcnn.layers.Flatten(), xpcnn.layers.Dense(2)],
        input_shape=(3, 8, 8),
        classes=["<b>cat</b>", "dog"],
    )
    model.reading = Pictures("RGB", (8, 8))
    file = tmp_path / "picture.png"
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(file)
    with served(model) as address:
        opened(browser, address)
        assert not browser.find_element("id", "paper").is_displayed()
        assert answer_to(browser, file) in ("<b>cat</b>", "dog")  # text, not markup
        assert browser.find_element("id", "preview").is_displayed()


@pytest.mark.parametrize("width", [400, 1280])
def test_names_of_classes_are_whole_words_and_a_very_long_one_fits(
    browser: Any, tmp_path: Path, width: int
) -> None:
    from PIL import Image

    from xpcnn.data.reading import Pictures

    layers: list[Any] = [xpcnn.layers.Conv2D(4, 3), xpcnn.layers.Flatten(), xpcnn.layers.Dense(3)]
    names = ["crocodile", "sea lion", "Nannostomus" * 9]
    model = xpcnn.Model(layers, input_shape=(3, 8, 8), classes=names)
    model.reading = Pictures("RGB", (8, 8))
    model.set_normalisation(mean=0.0, std=255.0)
    picture = tmp_path / "a.png"
    Image.new("RGB", (16, 16), "green").save(picture)
    with served(model) as address:
        opened(browser, address, width)
        assert answer_to(browser, picture) in names
        cells = browser.find_elements("css selector", "#classes th")
        lines = {cell.text: round(cell.size["height"] / 28) for cell in cells}
        assert [lines[name] for name in names[:2]] == [1, 1]
        assert lines[names[2]] > 2
        inside = "return document.documentElement.scrollWidth <= innerWidth"
        assert browser.execute_script(inside), "the page is wider than the window"


@pytest.mark.parametrize(
    ("task", "kind", "cell"),
    [("multi-label", "Probability of each label", "%"), ("regression", "Numbers", ".")],
)
def test_labels_and_numbers(browser: Any, tmp_path: Path, task: str, kind: str, cell: str) -> None:
    from PIL import Image

    from xpcnn.data.reading import Pictures

    layers: list[Any] = [xpcnn.layers.Conv2D(4, 3), xpcnn.layers.Flatten(), xpcnn.layers.Dense(2)]
    model = xpcnn.Model(layers, input_shape=(3, 8, 8), classes=["sea", "sky"], task=task)
    model.reading = Pictures("RGB", (8, 8))
    model.set_normalisation(mean=0.0, std=255.0)
    picture = tmp_path / "a.png"
    Image.new("RGB", (16, 16), "green").save(picture)
    with served(model) as address:
        opened(browser, address)
        answer_to(browser, picture)
        assert browser.find_element("css selector", "#classes caption").text == kind
        rows = [row.text for row in browser.find_elements("css selector", "#classes tr")]
        assert [row.split()[0] for row in rows] == ["sea", "sky"]
        assert all(cell in row for row in rows)
        bars = browser.find_elements("css selector", "#classes .bar")
        assert len(bars) == (2 if task == "multi-label" else 0)
