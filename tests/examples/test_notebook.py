"""The example notebook runs, and every cell that ends with a value shows it. Without Jupyter."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from tests.pages import ROOT

NOTEBOOK = ROOT / "examples" / "digits.ipynb"


def cells(kind: str) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == kind]


def run(source: str, names: dict[str, Any]) -> Any:
    """Run the code of a cell; return the value of its last line, as a notebook shows it."""
    body = ast.parse(source).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), str(NOTEBOOK), "exec"), names)
    if last is None:
        return None
    assert isinstance(last, ast.Expr)
    return eval(compile(ast.Expression(last.value), str(NOTEBOOK), "eval"), names)


def shown(value: Any) -> str:
    """Return what a notebook shows of a value: HTML, a picture, or its text."""
    for name in ("_repr_html_", "_repr_svg_"):
        text = getattr(value, name, lambda: None)()
        if text is not None:
            return str(text)
    return repr(value)


def test_every_cell_runs_and_shows_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    pages = [shown(run("".join(cell["source"]), names)) for cell in cells("code")]
    assert ["<table>" in page for page in pages] == [*(True, True, True, False, True), *[False] * 3]
    assert ["<svg" in page for page in pages] == [
        *(False, False, True, True, False, True, True, False)
    ]
    assert not any("<script" in page for page in pages)
    assert names["report"].accuracy > 0.9
    assert (tmp_path / "digits.safetensors").is_file()


def test_the_notebook_is_kept_without_outputs() -> None:
    """Outputs would differ after every run; a reader makes them."""
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells("code"))
    ids = [cell["id"] for kind in ("code", "markdown") for cell in cells(kind)]
    assert len(ids) == len({*ids})
