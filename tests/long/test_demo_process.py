"""`xpcnn demo` as a process: where it serves, and how it ends."""

import json
import shutil
import signal
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.cli.process import end_all, start
from tests.compiled.support import library
from tests.pages import alone
from tests.waiting import PATIENCE

pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("starlette", reason="Starlette is not installed")


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    alone(tmp_path, monkeypatch)
    yield
    end_all()


def test_it_trains_a_model_once_serves_it_and_ends(tmp_path: Path) -> None:
    if (kernels := library.library_cache.folder()).is_dir():  # else compiled anew, in seconds
        shutil.copytree(kernels, tmp_path / "xpcnn" / "kernels")
    for first in (True, False):
        with start("demo", "--port", "0", "--json", XDG_CACHE_HOME=str(tmp_path)) as process:
            assert process.stdout is not None
            facts = json.loads(process.stdout.readline())
            port = int(facts["url"].rstrip("/").rpartition(":")[2])
            connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            connection.request("GET", "/model")
            model = json.loads(connection.getresponse().read())
            connection.close()
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130
        assert model["data"] == facts["data"] == "digits"
        assert ("training digits on digits, 40 epochs" in told) == first
        assert "Traceback" not in told
    (kept,) = (tmp_path / "xpcnn" / "demo").iterdir()
    assert kept.name.startswith("digits-")
