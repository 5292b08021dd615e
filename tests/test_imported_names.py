"""Names of other libraries, asked of the modules of xpcnn: the error names what stands for them."""

import importlib

import pytest

import xpcnn
from xpcnn.imported_names import NAMES


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("from xpcnn.layers import Conv2d", "xpcnn.layers has no 'Conv2d'\nTry: Conv2D"),
        ("from xpcnn.layers import Dense, Linear", "xpcnn.layers has no 'Linear'\nTry: Dense"),
        ("from xpcnn.losses import CrossEntropyLoss", "no 'CrossEntropyLoss'\nTry: SoftmaxCross"),
        ("from xpcnn.optimizers import adagradd", "cannot import name 'adagradd'"),  # Python's own
        ("from xpcnn.ops import matmul", "xpcnn.ops has no 'matmul'\nTry: dense"),
        ("from xpcnn import nn", "xpcnn has no 'nn'\nTry: xpcnn.layers"),
        ("import xpcnn; xpcnn.layers.Dens", "xpcnn.layers has no 'Dens'\nTry: 'Dense' .valid: "),
        ("import xpcnn; xpcnn.optimisers", "xpcnn has no 'optimisers'\nTry: 'optimizers' .valid: "),
    ],
)
def test_an_error_names_what_stands_for_it(line: str, text: str) -> None:
    with pytest.raises((ImportError, AttributeError), match=text):
        exec(line, {})


def test_what_does_exist_is_found_and_listed() -> None:
    exec("from xpcnn import model, layers, ops; from xpcnn.layers import dropout, conv", {})
    assert not hasattr(xpcnn.layers, "Nothing")
    assert {*xpcnn.__all__} <= {*dir(xpcnn)} <= {*xpcnn.__all__, "__doc__", "__version__"}


def test_no_name_of_the_table_exists() -> None:
    for module, names in NAMES.items():
        there = vars(importlib.import_module(module))
        assert not there.keys() & names.keys(), module
