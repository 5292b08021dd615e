"""The real cuDNN, where its wheel is installed, without a GPU: it plans what we ask it for.

Nothing is computed here. What the stand-in for it assumes is compared with what it does.
"""

import ctypes
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.cuda_on_host.cudnn import Library

ROOT = Path(__file__).parents[2]
numbers: Any = import_module("xpcnn.backends.cupy_kernels.cudnn_numbers")
cudnn: Any = import_module("xpcnn.backends.cupy_kernels.cudnn")


def wheel() -> Path:
    """Return the folder of the wheel, or skip the test."""
    spec = find_spec("nvidia")
    for place in () if spec is None else spec.submodule_search_locations or ():
        if (Path(place) / "cudnn" / "lib" / "libcudnn.so.9").exists():
            return Path(place) / "cudnn"
    pytest.skip("nvidia-cudnn-cu13 is not installed")


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What it says, in a process of its own, as the libraries stay loaded."""
    wheel()
    if shutil.which("cc") is None and shutil.which("gcc") is None:
        pytest.skip("there is no compiler for what stands for the driver")
    module = "tests.cuda_on_host.plan_for_absent_gpu"
    command = [sys.executable, "-m", module, str(tmp_path_factory.mktemp("driver"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_names_and_numbers() -> None:
    text = (wheel() / "include" / "cudnn_graph.h").read_text(encoding="utf-8")
    pattern = r"\b(CUDNN_\w+)\s+(?:CUDNN_DEPRECATED_ENUM\s*)?=\s*(\d+)"
    header = {name: int(number) for name, number in re.findall(pattern, text)}
    ours = {
        **{f"CUDNN_TYPE_{name}": n for name, n in numbers.TYPES.items()},
        **{f"CUDNN_BACKEND_{name}_DESCRIPTOR": n for name, n in numbers.DESCRIPTORS.items()},
        **{f"CUDNN_ATTR_{name}": n for name, (n, _) in numbers.ATTRIBUTES.items()},
        **{f"CUDNN_{name}": n for name, n in numbers.VALUES.items()},
    }
    assert {name: header.get(name) for name in ours} == ours


def test_every_convolution_has_engines(said: dict[str, Any]) -> None:
    """In both orders of memory, at least one of those that cuDNN proposes may be used."""
    assert len(said["usable"]) == 11 * 4 * 5
    for convolution, orders in said["usable"].items():
        for proposed, may_be_used in orders.values():
            assert 0 < may_be_used <= proposed, convolution
    assert said["ReLU without a bias"] == {"NCHW": [0, 0], "NHWC": [0, 0]}


def test_tf32_is_what_decides_about_tensor_cores(said: dict[str, Any]) -> None:
    for convolution, orders in said["usable"].items():
        if " tf32" in convolution and "of resnet20" in convolution:
            exact = said["usable"][convolution.replace(" tf32", "")]
            assert exact["NCHW"][0] == orders["NCHW"][0]
            assert exact["NCHW"][1] < orders["NCHW"][1]


REFUSED = {
    "a tensor": None,
    "a tensor without alignment": "cudnnBackendFinalize",
    "an attribute of another kind": "cudnnBackendSetAttribute",
    "a type": "cudnnBackendSetAttribute",
    "a change of what is finalized": "cudnnBackendSetAttribute",
    "two elements of one": "cudnnBackendGetAttribute",
    "no handle": "cudnnBackendExecute",
}


def test_mistakes_are_refused(said: dict[str, Any]) -> None:
    for mistake, function in REFUSED.items():
        text = said["refusals"][mistake]
        assert text == "accepted" if function is None else text.startswith(f"{function}: CUDNN_")


def test_the_stand_in_refuses_the_same() -> None:
    api = cudnn.Api(Library())
    child: Any = import_module("tests.cuda_on_host.plan_for_absent_gpu")
    made, new = (
        cudnn.Descriptor(api, "TENSOR", attributes) for attributes in (child.ALIGNED, None)
    )
    mistakes: dict[str, Callable[[], Any]] = {
        "a tensor without alignment": lambda: cudnn.Descriptor(api, "TENSOR", child.TENSOR),
        "an attribute of another kind": lambda: cudnn.Descriptor(
            api, "TENSOR", {"POINTWISE_MODE": "POINTWISE_ADD"}
        ),
        "a type": lambda: api.call(
            "cudnnBackendSetAttribute", new.pointer, 902, 4, 2, (ctypes.c_int64 * 2)()
        ),
        "a change of what is finalized": lambda: made._set("TENSOR_UNIQUE_ID", 2),
    }
    for mistake, call in mistakes.items():
        with pytest.raises(cudnn.CudnnError, match=f"{REFUSED[mistake]}: CUDNN_STATUS_BAD_PARAM"):
            call()
