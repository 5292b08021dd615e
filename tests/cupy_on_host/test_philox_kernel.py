"""The CUDA source of the random numbers: its arithmetic on the host."""

import shutil
import subprocess
from pathlib import Path

import numpy
import pytest

from xpcnn import random

SOURCE = Path(__file__).parents[2] / "backends" / "kernels" / "philox.cu"
THREADS = 256  # any number would do: the host loop below stands for the launch

HOST_MAIN = """
#include <cstdio>
#include <cstdlib>
#include <vector>
#include "philox.cu"

// uniform COUNT KEY_LOW KEY_HIGH STEP: bits of the floats, then of one poisoned float behind them
// middle BLOCK KEY_LOW KEY_HIGH STEP: bits of the 11 floats from that block on
// block BLOCK KEY_LOW KEY_HIGH STEP: the four words of one block
// far BLOCK KEY_LOW KEY_HIGH STEP: bits of the eight floats of one block, the last three cut off
int main(int, char **argv) {
    u64 n[4];
    for (int i = 0; i < 4; ++i) n[i] = strtoull(argv[2 + i], nullptr, 10);
    if (argv[1][0] == 'b') {
        PhiloxBlock bits = philox_block(n[1], n[2], n[3], n[0]);
        fwrite(bits.word, sizeof(u64), 4, stdout);
        return 0;
    }
    if (argv[1][0] == 'f') {
        float window[8] = {-7, -7, -7, -7, -7, -7, -7, -7};  // where that block would lie
        float *out = (float *)((size_t)window - 8 * n[0] * sizeof(float));
        fill_block(out, 8 * n[0] + 5, n[1], n[2], 0, n[3], n[0]);
        fwrite(window, sizeof(float), 8, stdout);
        return 0;
    }
    if (argv[1][0] == 'm') {
        float out[11];
        for (u64 block = 0; block < 2; ++block)
            fill_block(out, 11, n[1], n[2], n[0], n[3], block);
        fwrite(out, sizeof(float), 11, stdout);
        return 0;
    }
    std::vector<float> out(n[0] + 1, -7.0f);
    const u64 launched = (n[0] / (8 * 256) + 1) * 256;
    for (u64 block = 0; block < launched; ++block)
        if (8 * block < n[0]) fill_block(out.data(), n[0], n[1], n[2], 0, n[3], block);
    fwrite(out.data(), sizeof(float), out.size(), stdout);
}
"""

KEYS = (0, 2**64 + 1, 2**127 + 2**63 + 5, random.key(0, "dropout/layers.3"))
STEPS = (0, 1, 2**63 + 7, 2**64 - 1)


@pytest.fixture(scope="module")
def host_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ is not installed")
    folder = tmp_path_factory.mktemp("philox")
    (folder / "main.cpp").write_text(HOST_MAIN)
    program = folder / "main"
    flags = ["-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", f"-I{SOURCE.parent}"]
    subprocess.run([compiler, *flags, "-o", program, folder / "main.cpp"], check=True)
    return program


def run(program: Path, mode: str, number: int, key: int, step: int) -> bytes:
    arguments = [mode, *map(str, (number, key % 2**64, key >> 64, step))]
    return subprocess.run([program, *arguments], capture_output=True, check=True).stdout


@pytest.mark.parametrize("key", KEYS, ids=hex)
@pytest.mark.parametrize("step", STEPS, ids=hex)
def test_uniforms_equal_numpy_bit_for_bit(host_program: Path, key: int, step: int) -> None:
    count = 8 * THREADS + 13  # more than one launch block, the last Philox block cut
    drawn = numpy.frombuffer(run(host_program, "uniform", count, key, step), numpy.float32)
    assert drawn[:-1].tobytes() == random.uniform(key, step, (count,)).tobytes()
    assert drawn[-1] == -7


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 2047, 2048])
def test_no_write_past_the_end(host_program: Path, count: int) -> None:
    drawn = numpy.frombuffer(run(host_program, "uniform", count, 5, 3), numpy.float32)
    assert drawn[:-1].tobytes() == random.uniform(5, 3, (count,)).tobytes()
    assert drawn[-1] == -7


@pytest.mark.parametrize("block", [0, 1, 250])
def test_uniforms_from_the_middle(host_program: Path, block: int) -> None:
    drawn = numpy.frombuffer(run(host_program, "middle", block, KEYS[3], 4), numpy.float32)
    whole = random.uniform(KEYS[3], 4, (2100,))
    assert drawn.tobytes() == whole[8 * block : 8 * block + 11].tobytes()


@pytest.mark.parametrize("block", [0, 1, 2**32 - 1, 2**32, 2**61 - 1])
def test_blocks_far_into_the_stream(host_program: Path, block: int) -> None:
    key, step = KEYS[2], STEPS[2]
    # NumPy increments the counter before it draws
    expected = numpy.random.Philox(key=key, counter=(step << 192) + block).random_raw(4)
    assert run(host_program, "block", block, key, step) == expected.tobytes()


@pytest.mark.parametrize("block", [0, 2**29, 2**32 + 3])
def test_elements_beyond_32_bits(host_program: Path, block: int) -> None:
    raw = numpy.random.Philox(key=KEYS[3], counter=(STEPS[2] << 192) + block).random_raw(4)
    expected = (raw.view("<u4") >> 8).astype(numpy.float32) * 2.0**-24
    expected[5:] = -7
    assert run(host_program, "far", block, KEYS[3], STEPS[2]) == expected.tobytes()
