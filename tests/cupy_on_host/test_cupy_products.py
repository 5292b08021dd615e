"""Products of matrices by `product.cu`, run on the host: any sizes, orders and parts."""

from importlib import import_module
from typing import Any

import pytest

from tests import fake_cupy
from tests.compare import assert_within
from tests.fake_cupy import cupy_on_host
from tests.ops.exact import draw, single
from xpcnn.backend import kernel_for

module = import_module("xpcnn.backends.cupy_kernels.products")

SIZES = [
    *((1, 1, 1), (1, 7, 1), (32, 8, 128), (33, 9, 129), (31, 40, 127), (70, 3, 1), (1, 5, 300)),
    *((3, 511, 5), (3, 513, 5), (2, 2000, 3), (40, 1100, 130)),  # parts of the inner index
]


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the kernels of the stand-in launch with, with own products."""
    dense: Any = kernel_for(cupy_on_host().from_host(draw(1)), "dense")
    if dense is None:
        pytest.skip("--no-kernels: nothing is launched")
    monkeypatch.setattr(dense.args[0], "has_own_products", True)
    return dense.args[0]


@pytest.mark.parametrize("orders", ["CC", "CF", "FC", "FF"])
@pytest.mark.parametrize(("rows", "inner", "columns"), SIZES)
def test_within_the_bound_of_rounding(
    cuda: Any, rows: int, inner: int, columns: int, orders: str
) -> None:
    """Matrices in C order and transposes of such; the bound holds for sums in any order."""
    a, b = draw(rows, inner), draw(inner, columns)
    device = cupy_on_host()
    given = [
        device.from_host(x) if order == "C" else device.from_host(x.T.copy()).T
        for x, order in zip((a, b), orders, strict=True)
    ]
    fake_cupy.launches.clear()
    found = module.product(cuda, *given)
    parts = -(-inner // module.LEAST_LENGTH)
    assert fake_cupy.launches == ["product", "sum_of_parts"][: 1 + (parts > 1)]
    assert_within(device.to_host(found), single(a) @ single(b), orders)


@pytest.mark.parametrize("inner", [1, 8, 511, 512, 513, 4097, 131072, 2**24 + 1])
@pytest.mark.parametrize("tiles", [1, 3, 255, 257])
def test_parts_cover_the_inner_index_once(inner: int, tiles: int) -> None:
    length, parts = module.divided(inner, tiles, 32 * 128 * tiles)
    assert length % module.DEPTH == 0
    assert (parts - 1) * length < inner <= parts * length
    assert parts == 1 or parts * tiles <= module.ENOUGH_BLOCKS


def test_the_sizes_are_those_of_the_source() -> None:
    source = (import_module("xpcnn.backends.cupy_kernels.cuda").SOURCES / "product.cu").read_text()
    assert f"ROWS = {module.ROWS}, COLUMNS = {module.COLUMNS}, DEPTH = {module.DEPTH}," in source


def test_by_default_products_are_those_of_cupy(cuda: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "has_own_products", False)
    a, b = map(cupy_on_host().from_host, (draw(300, 5), draw(5, 7)))
    fake_cupy.launches.clear()
    module.product(cuda, a, b)
    assert fake_cupy.launches == []
