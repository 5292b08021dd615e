"""`xpcnn info`: as text and as JSON."""

from itertools import pairwise

import numpy

import xpcnn
from tests.cli.conftest import Cli, answer


def test_info(cli: Cli) -> None:
    facts = answer(cli, "info")
    assert facts["xpcnn"] == xpcnn.__version__
    assert set(facts["gpu"]) >= {"cupy", "torch cuda"}
    lines = cli("info").out.splitlines()
    assert all(after.startswith(" ") for line, after in pairwise(lines) if line.endswith(":"))
    assert lines[0] == f"xpcnn: {xpcnn.__version__}"
    assert f"  numpy: {numpy.__version__}" in lines
    assert any(line.startswith("  cupy: ") for line in lines)
    assert "  array_api_strict: float32, float64" in lines[lines.index("dtypes:") :]
    assert any(line.startswith("blas: ") for line in lines)
    assert any(line.startswith(("kernels: in C", "kernels: NumPy's, since")) for line in lines)
