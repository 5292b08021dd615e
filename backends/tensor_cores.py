"""What keeps an NVIDIA GPU from computing products of float32 in TF32, or from not doing so."""

import os

OVERRIDE = "NVIDIA_TF32_OVERRIDE"
"""A variable that NVIDIA's libraries heed above all that a program says: 0 is off, 1 is on."""


def no_tf32(capability: tuple[int, int]) -> str | None:
    """Return why a device of a compute capability has no TF32; None if it has."""
    if capability < (8, 0):
        return f"compute capability {'.'.join(map(str, capability))}, it came with 8.0"
    return f"{OVERRIDE}=0 turns it off" if os.environ.get(OVERRIDE) == "0" else None


def always_tf32() -> tuple[str, str] | None:
    """Return that TF32 cannot be switched off, and what to do; None if it can."""
    if os.environ.get(OVERRIDE) != "1":
        return None
    return f"{OVERRIDE}=1 turns TF32 on whatever is asked for", f"unset {OVERRIDE}; --tf32 for TF32"
