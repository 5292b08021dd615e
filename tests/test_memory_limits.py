"""The memory that a process may use, from files as the kernel writes them."""

import os
from pathlib import Path

import pytest

from xpcnn.memory_limits import host_memory

pytestmark = pytest.mark.skipif(not hasattr(os, "sysconf"), reason="the system does not tell")

MACHINE = 64 << 30
NO_LIMIT = "9223372036854771712\n"  # of version 1


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"SC_PHYS_PAGES": MACHINE >> 12, "SC_PAGE_SIZE": 1 << 12}
    monkeypatch.setattr(os, "sysconf", facts.__getitem__)


def memory(root: Path, groups: str, limits: dict[str, str]) -> int | None:
    """Return the memory on a system with these groups and files of limits."""
    for name, text in {"proc/self/cgroup": groups, **limits}.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return host_memory(root)


def test_without_groups_it_is_the_machines(tmp_path: Path) -> None:
    assert host_memory(tmp_path) == MACHINE


@pytest.mark.parametrize(
    ("groups", "limits", "expected"),
    [
        ("0::/\n", {"sys/fs/cgroup/memory.max": "2147483648\n"}, 2 << 30),
        ("0::/\n", {"sys/fs/cgroup/memory.max": "max\n"}, MACHINE),
        ("0::/\n", {"sys/fs/cgroup/cgroup.procs": "1\n"}, MACHINE),  # the root has no limit
        (
            "0::/a/b\n",
            {"sys/fs/cgroup/a/memory.max": "1000\n", "sys/fs/cgroup/a/b/memory.max": "max\n"},
            1000,
        ),
        (
            "5:cpu,cpuacct:/\n4:memory:/docker/0a\n0::/\n",  # its path is that outside
            {"sys/fs/cgroup/memory/memory.limit_in_bytes": "2147483648\n"},
            2 << 30,
        ),
        (
            "4:memory:/job\n",
            {
                "sys/fs/cgroup/memory/memory.limit_in_bytes": NO_LIMIT,
                "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "3000\n",
                "sys/fs/cgroup/memory/other/memory.limit_in_bytes": "2000\n",
            },
            3000,
        ),
        ("\nmemory\n0::/\n", {"sys/fs/cgroup/memory.max": "1000\n"}, 1000),
        ("4:memory:/\n", {"sys/fs/cgroup/memory/memory.limit_in_bytes": NO_LIMIT}, MACHINE),
    ],
)
def test_the_lowest_limit_of_the_groups_around_the_process(
    tmp_path: Path, groups: str, limits: dict[str, str], expected: int
) -> None:
    assert memory(tmp_path, groups, limits) == expected
