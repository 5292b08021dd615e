"""Downloads, from a server on the loopback interface only."""

import gzip
import hashlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.data.make_files import write_mnist
from tests.no_home import without_home
from xpcnn import environment
from xpcnn.data import catalog, download, load
from xpcnn.data.catalog import Remote
from xpcnn.errors import DataError

CONTENT = bytes(range(256)) * 40
PACKED = gzip.compress(CONTENT)
FILE = Remote("f.gz", hashlib.sha256(CONTENT).hexdigest(), "content")


class Server:
    """A loopback server of a few files; keeps the paths that were asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut: set[str] = set()  # paths whose answer ends too early half way
        self.asked: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                content = server.files.get(self.path)
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                half = len(content) // 2 if self.path in server.cut else len(content)
                self.wfile.write(content[:half])

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made = Server()
    thread = threading.Thread(target=made.http.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.http.shutdown()
    made.http.server_close()
    thread.join()


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a port on which nothing listens, and nothing else will."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/"


def refused(folder: Path, mirrors: list[str], file: Remote = FILE) -> str:
    """Return the text of the error of a fetch that must fail and leave nothing."""
    with pytest.raises(DataError) as caught:
        download.fetch([file], mirrors, folder)
    assert list(folder.rglob("*")) == []
    return str(caught.value)


def advice(file: Remote = FILE) -> str:
    return f"Try: check the network, or put {file.name} into a folder and give that with --data-dir"


@pytest.mark.parametrize("content", [PACKED, gzip.compress(CONTENT, 1), CONTENT])
def test_a_file_is_known_by_its_content_however_packed(
    server: Server, tmp_path: Path, content: bytes
) -> None:
    server.files["/a/f.gz"] = content
    download.fetch([FILE], [server.url + "a/"], tmp_path / "new" / "cache")
    assert list((tmp_path / "new" / "cache").iterdir()) == [tmp_path / "new" / "cache" / "f.gz"]
    assert (tmp_path / "new" / "cache" / "f.gz").read_bytes() == content


def test_a_file_that_is_there_is_not_asked_for_again(server: Server, tmp_path: Path) -> None:
    server.files["/f.gz"] = PACKED
    download.fetch([FILE], [server.url], tmp_path)
    download.fetch([FILE], [server.url], tmp_path)
    assert server.asked == ["/f.gz"]


def test_a_sum_of_the_packed_file_is_compared_with_that(server: Server, tmp_path: Path) -> None:
    packed = Remote("f.gz", hashlib.sha256(PACKED).hexdigest(), "file")
    server.files = {"/other/f.gz": gzip.compress(CONTENT, 1), "/f.gz": PACKED}
    refused(tmp_path, [server.url + "other/"], packed)
    download.fetch([packed], [server.url], tmp_path)
    assert (tmp_path / "f.gz").read_bytes() == PACKED


def test_the_next_mirror_is_tried(server: Server, dead: str, tmp_path: Path) -> None:
    server.files = {"/wrong/f.gz": gzip.compress(b"other"), "/good/f.gz": PACKED}
    mirrors = [dead, server.url + "none/", server.url + "wrong/", server.url + "good/"]
    download.fetch([FILE], mirrors, tmp_path)
    assert server.asked == ["/none/f.gz", "/wrong/f.gz", "/good/f.gz"]
    assert [path.name for path in tmp_path.rglob("*")] == ["f.gz"]
    assert (tmp_path / "f.gz").read_bytes() == PACKED


def test_when_no_mirror_answers_the_error_says_what_to_put_where(dead: str, tmp_path: Path) -> None:
    assert refused(tmp_path, [dead, dead + "b/"]) == (
        f"f.gz could not be downloaded ({dead}f.gz: ConnectionError; "
        f"{dead}b/f.gz: ConnectionError)\n{advice()}"
    )


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", PACKED[:-9], PACKED[:50] + b"\0" + PACKED[51:], gzip.compress(CONTENT[1:])],
    ids=["empty", "page", "gzip cut", "gzip damaged", "other content"],
)
def test_a_corrupt_file_is_not_kept(server: Server, tmp_path: Path, content: bytes) -> None:
    server.files["/f.gz"] = content
    assert refused(tmp_path, [server.url]) == (
        f"f.gz could not be downloaded ({server.url}f.gz: not the file that was expected)\n"
        f"{advice()}"
    )


def test_a_transfer_that_breaks_off_is_not_kept(server: Server, tmp_path: Path) -> None:
    server.files["/f.gz"] = PACKED
    server.cut.add("/f.gz")
    assert "/f.gz: ChunkedEncodingError)" in refused(tmp_path, [server.url])


def test_the_status_of_a_server_is_given(server: Server, tmp_path: Path) -> None:
    assert f"({server.url}f.gz: HTTP status 404)" in refused(tmp_path, [server.url])


def test_an_endless_download_or_expansion_is_cut(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zeros = bytes(100_000)
    server.files = {"/long": zeros, "/bomb": gzip.compress(zeros)}
    monkeypatch.setattr(download, "LIMIT", 5_000)  # both have the right sum, but are too long
    sha256 = hashlib.sha256(zeros).hexdigest()
    for file in (Remote("long", sha256, "file"), Remote("bomb", sha256, "content")):
        assert "not the file that was expected" in refused(tmp_path, [server.url], file)


def test_a_cache_that_cannot_be_written_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(DataError) as caught:
        download.fetch([FILE], [server.url], tmp_path / "cache")
    assert str(caught.value) == (
        f"{tmp_path / 'cache'}: cannot keep f.gz here: File exists\n"
        "Try: make room there, or set XDG_CACHE_HOME"
    )
    assert server.asked == []


def test_a_data_set_is_loaded_through_its_mirrors(
    server: Server, dead: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_mnist(tmp_path / "site")
    files = []
    for file in catalog.ENTRIES["kmnist"].files:
        content = (tmp_path / "site" / file.name).read_bytes()
        server.files[f"/k/{file.name}"] = content
        files.append(replace(file, sha256=hashlib.sha256(content).hexdigest()))
    entry = replace(
        catalog.ENTRIES["kmnist"], mirrors=(dead, server.url + "k/"), files=tuple(files)
    )
    monkeypatch.setitem(catalog.ENTRIES, "kmnist", entry)
    monkeypatch.delenv("XPCNN_DATA_DIR", raising=False)
    monkeypatch.setattr(download, "cache_folder", lambda name: tmp_path / "cache" / name)
    train, test = load("kmnist")
    assert (len(train), len(test)) == (12, 4)
    assert train.classes[:3] == ("o", "ki", "su")
    assert len(list((tmp_path / "cache" / "kmnist").iterdir())) == 4
    load("kmnist", download=False)
    assert len(server.asked) == 4


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = download.cache_folder("mnist")
    assert folder.parts[-1] == "mnist"
    assert "xpcnn" in folder.parts
    assert list(tmp_path.iterdir()) == []


def test_without_a_home_there_is_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    without_home(monkeypatch)
    with pytest.raises(DataError) as caught:
        download.cache_folder("mnist")
    assert str(caught.value) == (
        "there is no folder to keep files in: the user has no home folder\n"
        "Try: set XDG_CACHE_HOME to a folder, or HOME"
    )
    path = environment.describe()["paths"]["data cache"]
    assert path == "there is no folder to keep files in: the user has no home folder"
