"""What a worker of pytest-xdist gets at once: mostly a file, whose tests share what they make.

Files with the most tests begin. Those of `ONE_BY_ONE` end: their tests take a second or more each,
mostly in processes of their own, so that all workers are done at about the same time.
"""

from pathlib import PurePath

from xdist.scheduler import LoadScopeScheduling

ONE_BY_ONE = (
    "tests/long/test_bench.py",
    "tests/cli/test_interrupt.py",
    "tests/compiled/test_compilers.py",
    "tests/compiled/test_library.py",
    "tests/compiled/test_threads.py",
    "tests/examples/test_figures.py",
    "tests/long/test_cuda_compiles.py",
    "tests/long/test_gpu_rehearsal.py",
    "tests/test_import.py",
)
TALLIED = ("test_r5_", "test_r6_", "test_r8_", "test_r9_")
"""The tests that count together, in the order of their names."""


class Files(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """Hand out the tests of a file together, those of some files one by one."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        if file in ONE_BY_ONE:
            return nodeid
        if PurePath(file).name.startswith(TALLIED):
            return "tests that count together"
        return file
