"""The page that derives a network: its checks hold, and each finds a wrong gradient."""

from typing import Any

import pytest

from tests.pages import ROOT, blocks

GUIDE = ROOT / "examples" / "guides" / "derive_a_network.md"
BLOCKS = blocks(GUIDE.read_text(encoding="utf-8"))


def run(code: str, names: dict[str, Any]) -> None:
    exec(compile(code, GUIDE.name, "exec"), names)


def test_every_block_runs_in_order() -> None:
    names: dict[str, Any] = {}
    for block in BLOCKS:
        assert block.language == "python"
        run(block.text, names)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("pullback(dy)[0])", "1.0001 * pullback(dy)[0])"),
        ("x.T @ dy)", "1.0001 * x.T @ dy)"),
        ("[[3, 0], [0, 0]]", "[[3, 3], [3, 3]]"),
        ("z, (p - t) / 5)", "z, 1.0001 * (p - t) / 5)"),
        ("- xhat * mean(dxhat * xhat)", ""),
        ("(2 / 400)", "(1 / 400)"),
        ("(1 - beta**t)", "1"),
        ("(A @ dy @ A.T)) @ B.T", "(A @ dy @ A.T)) @ B"),
    ],
)
def test_a_mistake_is_seen(right: str, wrong: str) -> None:
    names: dict[str, Any] = {}
    for block in BLOCKS:
        if right in block.text:
            break
        run(block.text, names)
    with pytest.raises(AssertionError):
        run(block.text.replace(right, wrong), names)
