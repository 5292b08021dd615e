"""The memory that this process may use: the machine's, or less where a control group limits it, as
in a container.

A process that takes more than its group may have is ended by the system without a message.
Source: `admin-guide/cgroup-v1/memory` and `admin-guide/cgroup-v2` of the Linux kernel.
"""

import os
from collections.abc import Iterator
from pathlib import Path


def host_memory(root: Path = Path("/")) -> int | None:
    """Return the bytes that this process may use; None where the system reports none, as on
    Windows.

    root: the folder that has `proc` and `sys` of the system.
    """
    if not hasattr(os, "sysconf"):
        return None
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([machine, *_limits(root)])


def gigabytes(size: float) -> str:
    """Return a number of bytes as a text, such as "1.5 GB" and "25 GB"."""
    return f"{size / 1e9:,.{0 if size >= 1e10 else 1}f} GB"


def _limits(root: Path) -> Iterator[int]:
    """Yield the limits of the control groups that the process is in, and of those around them."""
    try:
        lines = (root / "proc/self/cgroup").read_text(errors="replace").splitlines()
    except OSError:
        return
    for line in lines:  # such as "4:memory:/a/b" of version 1, "0::/a/b" of version 2
        _, *rest = line.split(":", 2)
        if len(rest) < 2:
            continue
        controllers, path = rest
        if controllers == "":
            top, file = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            top, file = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        group = top / path.lstrip("/")  # in a container it may not be there, while `top` is its own
        for folder in (group, *group.parents):
            if folder.is_relative_to(top):
                yield from _number(folder / file)


def _number(file: Path) -> Iterator[int]:
    """Yield the number in a file; nothing where there is no such file, or it says "max"."""
    try:
        text = file.read_text().strip()
    except OSError:
        return
    if text.isdecimal():
        yield int(text)
