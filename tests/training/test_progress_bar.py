"""The bar of `fit`, and the loss that callbacks may ask for."""

import io
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from tqdm import TqdmWarning  # type: ignore[import-untyped]  # it ships no types

from tests.training.linear import linear, rows
from xpcnn.errors import ConfigError
from xpcnn.optimizers import SGD
from xpcnn.training import Callback, notifier
from xpcnn.training.history import Epoch, History
from xpcnn.training.progress_bar import is_shown


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal(patch: pytest.MonkeyPatch) -> Terminal:
    """Make standard error a terminal; in the test itself, since pytest sets it before a test."""
    screen = Terminal()
    patch.setattr(sys, "stderr", screen)
    patch.setattr(notifier, "LOOK_SECONDS", 0.0)
    return screen


def test_a_bar_with_the_loss_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `tqdm.auto`, which imports asyncio."""
    screen = terminal(monkeypatch)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    history = linear().fit(rows(20), epochs=2, batch_size=5, validation=rows(9, 1))
    text = screen.getvalue()
    assert "epoch 2/2: 100%|" in text
    assert "8/8 [" in text
    last = text.rstrip().rpartition("\r")[2]
    assert f"loss {history['loss'][1]:.4f}, accuracy {history['accuracy'][1]:.4f}" in last
    assert f"val accuracy {history['val_accuracy'][1]:.4f}]" in last


def test_no_bar_where_it_is_not_wanted_or_nobody_sees_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = terminal(monkeypatch)
    linear().fit(rows(20), epochs=1, progress=False)
    assert screen.getvalue() == ""
    pipe = io.StringIO()
    for stream in (pipe, None):
        monkeypatch.setattr(sys, "stderr", stream)
        linear().fit(rows(20), epochs=1)
    assert pipe.getvalue() == ""


@pytest.mark.parametrize("writes", [0, 1, 5])
@pytest.mark.parametrize("error", [BrokenPipeError(32, "Broken pipe"), ValueError("closed file")])
def test_a_bar_that_cannot_be_written_ends_no_training(
    monkeypatch: pytest.MonkeyPatch, writes: int, error: Exception
) -> None:
    class Gone(Terminal):
        left = writes

        def write(self, text: str) -> int:
            if self.left == 0:
                raise error
            self.left -= 1
            return super().write(text)

    expected = linear().fit(rows(20), epochs=2, batch_size=5, progress=False)["loss"]
    terminal(monkeypatch)
    monkeypatch.setattr(sys, "stderr", Gone())
    assert linear().fit(rows(20), epochs=2, batch_size=5)["loss"] == expected


def test_the_bar_is_closed_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)

    class Boom(Callback):
        def on_step(self, step: int) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        linear().fit(rows(20), epochs=1, callbacks=[Boom()])
    assert screen.getvalue().endswith("\n")


def test_a_notebook_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not is_shown()
    shell = SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert is_shown()
    shell.config = {}
    assert not is_shown()


class Losses(Callback):
    def __init__(self) -> None:
        self.told: list[tuple[int, float]] = []

    def on_loss(self, step: int, loss: float) -> None:
        self.told.append((step, loss))


def test_the_loss_of_the_epoch_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mean over samples, the short batch as it counts; read only for who asks, and not often."""
    seen, seldom, data = Losses(), Losses(), rows(11)
    options: dict[str, Any] = {"epochs": 2, "batch_size": 4, "optimizer": SGD(0.0)}
    monkeypatch.setattr(notifier, "LOOK_SECONDS", 3600.0)
    linear().fit(data, callbacks=[seldom], **options)
    assert [step for step, _ in seldom.told] == [1]
    monkeypatch.setattr(notifier, "LOOK_SECONDS", 0.0)
    history = linear().fit(data, callbacks=[seen], **options)
    assert [step for step, _ in seen.told] == [1, 2, 3, 4, 5, 6]
    assert [seen.told[2][1], seen.told[5][1]] == pytest.approx(history["loss"], rel=1e-12)


def test_progress_is_a_switch() -> None:
    with pytest.raises(ConfigError, match=r"^progress must be True or False, got int\nTry: "):
        linear().fit(rows(4), progress=1)  # type: ignore[arg-type]


def test_a_history_prints_as_a_table() -> None:
    first = Epoch(1, 2.30259, 0.1, 2.2, 0.15, 0.05, 1.234, 810.0, 23)
    second = Epoch(2, 0.5, 0.875, 0.6, 0.85, 0.0125, 1.1, 909.0, 46)
    assert str(History([first, second], notes=["stopped after update 46: enough"])) == (
        "epoch    loss  accuracy  val_loss  val_accuracy      lr  seconds\n"
        "    1  2.3026    0.1000    2.2000        0.1500    0.05     1.23\n"
        "    2  0.5000    0.8750    0.6000        0.8500  0.0125     1.10\n"
        "note: stopped after update 46: enough"
    )
    alone = Epoch(1, 0.5, 0.5, None, None, 0.1, 10.0, 1.0, 1)
    assert str(History([alone])).splitlines()[0] == "epoch    loss  accuracy   lr  seconds"
    assert str(History()).split() == [
        *("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "lr", "seconds")
    ]


def test_a_notebook_without_widgets_has_a_bar_of_text_and_no_warning(
    monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    screen = terminal(monkeypatch)
    shell = SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "ipykernel.zmqshell", SimpleNamespace())  # what tqdm looks for
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    for name in ("tqdm.autonotebook", "tqdm.notebook"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    linear().fit(rows(20), epochs=1, batch_size=5)
    assert "epoch 1/1: 100%|" in screen.getvalue()
    assert not [one for one in recwarn.list if issubclass(one.category, TqdmWarning)]


class Widget:
    """What tqdm sets and reads of a part of ipywidgets."""

    def __init__(self, children: Any = (), **values: Any) -> None:
        self.children, self.value, self.comm = children, values.get("value", ""), self
        self.style, self.layout, self.bar_style = SimpleNamespace(), SimpleNamespace(), ""

    def close(self) -> None:
        self.children = ()


def test_a_notebook_with_widgets_shows_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    shell, page = SimpleNamespace(config={"IPKernelApp": {}}), list[Any]()
    display = SimpleNamespace(display=page.append)
    ipython = SimpleNamespace(get_ipython=lambda: shell, display=display)
    widgets = SimpleNamespace(__version__="8", FloatProgress=Widget, HBox=Widget, HTML=Widget)
    modules = {"IPython": ipython, "IPython.display": display, "ipywidgets": widgets}
    for name, module in {**modules, "ipykernel.zmqshell": widgets}.items():
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("tqdm.autonotebook", "tqdm.notebook"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    linear().fit(rows(20), epochs=1, batch_size=5)
    (bar,) = page
    left, middle, right = bar.children
    assert left.value.replace("\u2007", " ") == "epoch 1/1: 100%"
    assert middle.value == 4
    assert "4/4" in right.value
