"""The server of the demo, through real requests on loopback."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from threading import Thread

import numpy as np
import pytest

from tests.demo.test_recognizer import model, page_with_a_line, png
from tests.waiting import PATIENCE
from xpcnn.demo.recognizer import Recognizer
from xpcnn.demo.server import listen
from xpcnn.errors import ConfigError

uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("starlette", reason="Starlette is not installed")

Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of a running server."""
    from xpcnn.demo.pages import application

    config = uvicorn.Config(application(Recognizer(model(), "<mine>")), log_level="warning")
    server = uvicorn.Server(config)
    with listen(0) as at:
        thread = Thread(target=server.run, kwargs={"sockets": [at]})
        thread.start()
        yield at.getsockname()[1]
        server.should_exit = True
        thread.join()


def ask(port: int, path: str, body: bytes | None = None, **headers: str) -> Answer:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET" if body is None else "POST", path, body, headers)
    response = connection.getresponse()
    answer = response.status, dict(response.headers), response.read()
    connection.close()
    return answer


@pytest.mark.parametrize("path", ["/", "/page.css", "/page.js"])
def test_the_page_loads_nothing_from_elsewhere(port: int, path: str) -> None:
    status, headers, content = ask(port, path)
    assert status == 200
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    assert b"http:" not in content
    assert b"https:" not in content
    assert b"//" not in content.replace(b"// ", b"")  # comments of scripts


def test_model_and_answer_are_json(port: int) -> None:
    status, _, content = ask(port, "/model")
    assert status == 200
    assert json.loads(content)["name"] == "<mine>"
    status, _, content = ask(port, "/answer", png(page_with_a_line()))
    assert status == 200
    assert json.loads(content) == Recognizer(model(), "").answer(png(page_with_a_line()))


def test_another_host_name_is_rejected(port: int) -> None:
    assert ask(port, "/model", Host=f"evil.example:{port}")[0] == 400
    assert ask(port, "/model", Host=f"localhost:{port}")[0] == 200


def test_a_page_from_elsewhere_is_rejected(port: int) -> None:
    body = png(page_with_a_line())
    status, _, content = ask(port, "/answer", body, Origin="https://evil.example")
    assert status == 403
    assert (
        json.loads(content)["error"] == "pictures from a page of https://evil.example are rejected"
    )
    assert ask(port, "/answer", body, Origin="null")[0] == 403
    assert ask(port, "/answer", body, Origin=f"http://127.0.0.1:{port}")[0] == 200


def test_a_body_that_is_too_long_is_rejected(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xpcnn.demo.pages.LARGEST", 2_000_000)
    status, _, content = ask(port, "/answer", bytes(2_000_001))
    assert status == 413
    assert json.loads(content)["error"] == "the picture has more than 2 MB"


def test_damaged_pictures_are_told(port: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    for body in (b"", b"junk", png(noise)[:600]):
        status, _, content = ask(port, "/answer", body)
        assert status == 400
        assert json.loads(content)["error"].startswith("the picture: ")


def test_a_port_in_use_is_told() -> None:
    with listen(0) as at:
        taken = at.getsockname()[1]
        with pytest.raises(
            ConfigError, match=rf"port {taken} of 127.0.0.1: .*\nTry: another --port"
        ):
            listen(taken)
