"""Methods of convolution timed side by side, on the stand-ins for CuPy and cuDNN."""

from pathlib import Path

import pytest

from tests.cuda_on_host.cudnn import Library
from tests.cuda_on_host.opened_cudnn import cudnn, put_stand_ins
from tests.fake_cupy import RawKernel
from tests.gpu import convolutions
from tests.gpu.section import Options, Skipped


def test_methods_of_convolution_are_timed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    options = Options("cupy", None, quick=True, seconds=3600.0)  # which begin now
    put_stand_ins(monkeypatch, tmp_path)
    monkeypatch.setattr(cudnn, "load", lambda: cudnn.Api(Library()))
    monkeypatch.setattr(convolutions, "BATCH", 2)
    monkeypatch.setattr(RawKernel, "_run", lambda self, *_: None)
    for setting, engine in (("cudnn", {"cuDNN": 5.0}), ("1", {})):
        monkeypatch.setenv("XPCNN_CUDA_KERNELS", setting)
        fact, largest = convolutions.findings(options)
        assert fact.name == "1 channels, 2 filters, 4x4 images, 3x3 windows"
        costs = {
            "forward": {"direct": 90.0, "patches": 90.0},
            "dx": {"direct": 90.0, "patches": 90.0},
            "dw": {"direct": 90.0, "patches": 180.0},
        }
        expected = {way: times | engine for way, times in costs.items()}
        assert (fact.problem, fact.value) == (None, {"window": 9} | expected)
        assert largest.value == {"forward": 9, "dx": 9, "dw": 9}
    monkeypatch.setenv("XPCNN_CUDA_KERNELS", "0")
    with pytest.raises(Skipped, match="there are no CUDA kernels to time"):
        list(convolutions.findings(options))


def test_the_threshold_of_direct_sums() -> None:
    facts = [
        {"window": window, "dx": {"direct": direct, "patches": 2.0}}
        for window, direct in ((288, 1.0), (9, 1.0), (576, 3.0), (1152, 1.0))
    ]
    assert convolutions.limit(facts, "dx") == 288
    assert convolutions.limit(facts[2:3], "dx") == 0
