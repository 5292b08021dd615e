"""The docstring of each op and optimizer names the kernels that can run in place of it."""

import re

import pytest

from tests.test_guides import kernels
from xpcnn import ops, optimizers

OTHERS = {"sgd": optimizers.SGD, "adam": optimizers.Adam}
DOCUMENTED = {name: getattr(ops, name) for name in ops.__all__} | OTHERS


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_docstring_names_the_kernels(name: str) -> None:
    found = re.findall(r"^ *Kernels: (.*)\.$", DOCUMENTED[name].__doc__ or "", re.MULTILINE)
    expected = [heading for heading, table in kernels().items() if name in table]
    assert found == [", ".join(expected) or "none"]


def test_every_kernel_has_a_documented_op() -> None:
    assert {*DOCUMENTED} >= {name for table in kernels().values() for name in table}
