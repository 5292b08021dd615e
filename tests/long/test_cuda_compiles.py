"""Every CUDA source compiles, without a warning, where a compiler for it is installed.

Nothing is run: no GPU is needed, and none has seen these kernels.
"""

import ctypes
import re
import shutil
import subprocess
from importlib import import_module, metadata
from pathlib import Path

import pytest

from tests.cuda_on_host import HALF

FOLDER = Path(__file__).parents[2] / "backends" / "kernels"
FILES = sorted(file.name for file in FOLDER.glob("*.cu"))
ARCHITECTURES = ("sm_80", "sm_90", "sm_100")

every_file = pytest.mark.parametrize("file", FILES)


def sources(file: str) -> list[str]:
    """Return the source as CuPy gets it; where it serves float16, for float32 and for that."""
    single = text(file)
    return [single, HALF + single] if "#ifdef FLOAT16" in single else [single]


def text(file: str) -> str:
    whole: str = import_module("xpcnn.backends.cupy_kernels.cuda").source(file)
    return constants(file) + whole


def constants(file: str) -> str:
    """Return the constants that a source is compiled with."""
    if file != "conv.cu":
        return ""
    direct, conv_rule = (
        import_module(f"xpcnn.backends.cupy_kernels.{module}") for module in ("direct", "conv_rule")
    )
    shapes = (1, 6, 33, 31), (10, 3, 3, 5)
    rule = conv_rule.rule_of(*shapes, (2, 1), (1, 2), (1, 3), 2, (2, 3), True)
    defined: str = direct.constants(rule)
    return defined


def kernels(source: str) -> list[bytes]:
    names = re.findall(r'extern "C" __global__ void (\w+)\(', source)
    assert names
    return [name.encode() for name in names]


@every_file
def test_compiles_with_nvcc(tmp_path: Path, file: str) -> None:
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("nvcc is not installed")
    source, out = tmp_path / file, tmp_path / "out.cubin"
    command = [nvcc, "-cubin", "-arch=sm_90", "-std=c++17", "-Werror=all-warnings"]
    for code in sources(file):
        source.write_text(code, encoding="utf-8")
        finished = subprocess.run(
            [*command, "-o", str(out), str(source)], capture_output=True, text=True, check=False
        )
        assert finished.returncode == 0, finished.stderr
        assert all(name in out.read_bytes() for name in kernels(code))


def test_the_geometry_of_a_convolution_is_constant(tmp_path: Path) -> None:
    """No division is left, which takes a GPU tens of instructions; without constants, 48 are."""
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("nvcc is not installed")
    source, out = tmp_path / "conv.cu", tmp_path / "conv.ptx"
    source.write_text(text("conv.cu"), encoding="utf-8")
    command = [nvcc, "-ptx", "-arch=sm_90", "-std=c++17", "-o", str(out), str(source)]
    subprocess.run(command, check=True)
    assert re.findall(r"\b(?:div|rem)\.[su]\w+", out.read_text()) == []


@every_file
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_compiles_with_nvrtc(file: str, arch: str) -> None:
    nvrtc = load_nvrtc()
    if int(arch.removeprefix("sm_")) not in known_to(nvrtc):
        pytest.skip(f"this nvidia-cuda-nvrtc does not know {arch}")
    for source in sources(file):
        compile_with(nvrtc, source, file.encode(), arch)


def compile_with(nvrtc: ctypes.CDLL, source: str, name: bytes, arch: str) -> None:
    """Require that a source compiles without a warning, into something with its kernels."""
    program = ctypes.c_void_p()
    created = nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), name, 0, None, None)
    assert created == 0
    options = [b"-std=c++17", b"-ftz=true", f"-arch={arch}".encode()]  # as CuPy has them
    options.append(b"--device-as-default-execution-space")
    array = (ctypes.c_char_p * len(options))(*options)
    status = nvrtc.nvrtcCompileProgram(program, len(options), array)
    size = ctypes.c_size_t()
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    assert (status, log.value.decode().strip("\x00\n")) == (0, "")
    assert nvrtc.nvrtcGetCUBINSize(program, ctypes.byref(size)) == 0
    cubin = ctypes.create_string_buffer(size.value)
    assert nvrtc.nvrtcGetCUBIN(program, cubin) == 0
    assert all(name in cubin.raw for name in kernels(source))


def known_to(nvrtc: ctypes.CDLL) -> list[int]:
    """Return the compute capabilities that it compiles for, such as 90."""
    count = ctypes.c_int()
    nvrtc.nvrtcGetNumSupportedArchs(ctypes.byref(count))
    found = (ctypes.c_int * count.value)()
    nvrtc.nvrtcGetSupportedArchs(found)
    return list(found)


def load_nvrtc() -> ctypes.CDLL:
    """Load the compiler of the wheel nvidia-cuda-nvrtc, its built-ins first (else error 7)."""
    for wheel in ("nvidia-cuda-nvrtc", "nvidia-cuda-nvrtc-cu12"):
        try:
            files = metadata.files(wheel) or []
        except metadata.PackageNotFoundError:
            continue
        libraries = [str(f.locate()) for f in files if ".so" in f.name and ".alt." not in f.name]
        for path in sorted(libraries, key=lambda p: "builtins" not in p):
            library = ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
        return library
    pytest.skip("nvidia-cuda-nvrtc is not installed")
