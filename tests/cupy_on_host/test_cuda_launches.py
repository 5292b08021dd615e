"""How many kernels a training step launches on a GPU: those of the backend, and those of CuPy.

Each launch takes the host some microseconds, which bounds the speed of small networks. Nothing is
computed here: kernels are counted where they are launched. As a module, it prints a table.
"""

from collections import Counter
from importlib import import_module
from typing import Any

import pytest

from tests.cuda_on_host import arrays
from tests.fake_cupy import RawKernel, cupy_on_host
from tests.gpu.networks import model_of
from tests.gpu.sides import Ours, batches_of
from xpcnn import backend
from xpcnn.models import preset

LAUNCHES = {"tiny": 19, "small": 22, "medium": 25, "large": 46, "large-bn": 60, "resnet20": 225}
IN_FLOAT16 = {"tiny": 32, "small": 35, "medium": 38, "large": 62, "large-bn": 72, "resnet20": 242}
BATCH, COUNTED = 2, 128
"""Samples of a batch here, and of the batch that is counted: above some sizes, which shrink here as
the batch does, kernels work in parts."""
PRODUCTS = {"dot", "matmul", "tensordot"}
"""The calls of CuPy that are products by cuBLAS."""
SIZES = {"norm": "LEAST_LENGTH", "patches": "MOST_PATCH_BYTES", "linear": "MOST_PRODUCTS"}
MODULES = {name: import_module(f"xpcnn.backends.cupy_kernels.{name}") for name in SIZES}


def launches_of_a_step(name: str, dtype: str = "float32") -> Counter[str]:
    """Return what a step of a preset launches after the first one, by name."""
    found, library = preset(name), cupy_on_host()
    side = Ours(model_of(found, library, dtype), batches_of(found, BATCH, 1))
    with pytest.MonkeyPatch.context() as patched:
        for module, size in SIZES.items():
            at_128 = getattr(MODULES[module], size)
            patched.setattr(MODULES[module], size, at_128 * BATCH // COUNTED)
        patched.setattr(RawKernel, "__call__", lambda self, *_: arrays.calls.append(self.name))
        side.step()
        arrays.calls.clear()
        arrays.waits.clear()
        side.step()
    assert arrays.waits == []
    return Counter(arrays.calls)


@pytest.mark.parametrize("name", LAUNCHES)
def test_with_own_products_no_step_calls_cublas(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kernels: Any = backend._kernels.get(cupy_on_host().array_type)
    if not kernels:
        pytest.skip("--no-kernels: nothing is launched")
    monkeypatch.setattr(kernels["dense"].args[0], "has_own_products", True)  # all have this `cuda`
    found = launches_of_a_step(name)
    assert not PRODUCTS & set(found)
    assert found["product"] > 0


@pytest.mark.parametrize("name", LAUNCHES)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_launches_of_a_step(name: str, dtype: str) -> None:
    if not backend._kernels.get(cupy_on_host().array_type):
        pytest.skip("--no-kernels: nothing is launched")
    found = launches_of_a_step(name, dtype)
    expected = LAUNCHES if dtype == "float32" else IN_FLOAT16
    assert found.total() == expected[name], found.most_common()
    if name != "tiny" and dtype == "float32":
        assert PRODUCTS & set(found)


if __name__ == "__main__":
    for name in LAUNCHES:
        found = launches_of_a_step(name)
        each = "  ".join(f"{kernel} {number}" for kernel, number in found.most_common())
        print(f"{name:10} {found.total():4}  {each}")
