"""Google's store and Azure's: the same as a folder on a disk, and as clear about what is wrong as S3.

Google's is an emulator in this process. Azure's is Azurite, which is not on the package index: where there are no
`azurite-blob` (npm) and no adlfs, its tests are skipped.
"""

import contextlib
import gzip
import importlib.util
import io
import json
import os
import shutil
import socket
import subprocess
import threading
import time
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from labeling import storage
from labeling.errors import InputError
from labeling.ingest import read_articles
from labeling.settings import Workspace, init, open_workspace
from labeling.workflow import task_files
from labeling.workflow.export.commands import export_files
from labeling.workflow.task_files import annotate_files
from tests.builders import reviewed, seeds
from tests.ingest.reading import read

LINES = "".join(
    json.dumps({"id": f"a{n}", "text": f"Rebels attacked {n} villages near Mosul."}) + "\n" for n in range(20)
).encode()
AZURE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1;"
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
KEY = "AZURE_STORAGE_CONNECTION_STRING"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextlib.contextmanager
def google(folder: Path) -> Iterator[dict[str, str]]:
    from gcp_storage_emulator.server import create_server

    port = free_port()
    with create_server("127.0.0.1", port, in_memory=True):
        yield {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}"}


@contextlib.contextmanager
def azure(folder: Path) -> Iterator[dict[str, str]]:
    program = shutil.which("azurite-blob")
    if not program or not importlib.util.find_spec("adlfs"):
        pytest.skip("there is no Azurite: npm install azurite; pip install adlfs")
    port = free_port()
    command = [program, "--blobPort", str(port), "--skipApiVersionCheck", "--inMemoryPersistence", "--silent"]
    with subprocess.Popen(command, cwd=folder) as process:
        try:
            for _ in range(100):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.1)
            yield {KEY: AZURE.format(port=port)}
        finally:
            process.kill()


class Store:
    """The bucket `news`, seen apart from our own code; each test has a folder of its own in it."""

    def __init__(self, scheme: str) -> None:
        import fsspec

        self.scheme = scheme
        self.system: Any = fsspec.filesystem(scheme, use_listings_cache=False)
        self.folder = ""

    def put(self, name: str, content: bytes) -> str:
        """An object, and its address."""
        self.system.pipe_file(f"{self.folder}/{name}", content)
        return f"{self.url}/{name}"

    def get(self, prefix: str) -> dict[str, bytes]:
        """The objects under a prefix, by what follows it."""
        start = f"{self.folder}/{prefix}"
        return {name.removeprefix(start): self.system.cat_file(name) for name in self.system.find(start)}

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.folder}"


@pytest.fixture(scope="module", params={"gs": google, "az": azure}.items(), ids=["gs", "az"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    scheme, started = request.param
    with started(tmp_path_factory.mktemp("store")) as environment, pytest.MonkeyPatch.context() as patched:
        for name, value in environment.items():
            patched.setenv(name, value)
        store = Store(scheme)
        store.system.mkdir("news")
        yield store


@pytest.fixture
def store(running: Store, tmp_path: Path) -> Store:
    running.folder = f"news/{tmp_path.name}"
    return running


@pytest.fixture
def here(tmp_path: Path) -> Workspace:
    init(tmp_path / "workspace", title="Annotated")
    return open_workspace(tmp_path / "workspace")


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("inner/articles.jsonl", LINES)
    return stream.getvalue()


def test_articles_at_an_address_are_those_of_the_file(store: Store, tmp_path: Path):
    (tmp_path / "a.jsonl").write_bytes(LINES)
    local = [article.model_dump() for article in read(tmp_path / "a.jsonl")[0]]
    packed = store.put("in/a.jsonl.gz", gzip.compress(LINES)), store.put("deep/er/a.zip", zipped())
    for address in (*packed, f"{store.url}/in/", f"{store.url}/i?/*.gz", f"{store.url}/deep"):
        found, problems = read(address)
        assert ([article.model_dump() for article in found], problems) == (local, [])


def test_shards_are_those_of_a_folder_though_they_were_interrupted(
    store: Store, here: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "a.jsonl").write_bytes(LINES)
    local = tmp_path / "out"
    real, left = task_files.to_task, iter(range(10))

    def failing(*args):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return real(*args)

    def annotated(output: str) -> task_files.Annotated:
        return annotate_files(here, [str(tmp_path / "a.jsonl")], output, jobs=1, shard=7)

    with monkeypatch.context() as patched:
        patched.setattr(task_files, "to_task", failing)
        with pytest.raises(KeyboardInterrupt):
            annotated(f"{store.url}/out/")
    assert annotated(f"{store.url}/out/").before == 7
    annotated(f"{local}/")
    assert store.get("out/") == {p.name: p.read_bytes() for p in local.iterdir() if not p.name.startswith(".")}


def test_training_files_are_those_of_a_folder(store: Store, here: Workspace, tmp_path: Path):
    docs = seeds()
    for some in (docs[:8], docs[:6]):  # the second export replaces the first one
        address = store.put("project.json", json.dumps([reviewed(doc) for doc in some]).encode())
        export_files(here, [address], f"{store.url}/train/", schema=here.label_schema)
        export_files(here, [address], tmp_path / "out", schema=here.label_schema)
        local = {p.relative_to(tmp_path / "out").as_posix(): p for p in (tmp_path / "out").rglob("*") if p.is_file()}
        there = store.get("train/")
        manifests = [json.loads(there.pop("manifest.json")), json.loads(local.pop("manifest.json").read_bytes())]
        assert there == {name: path.read_bytes() for name, path in local.items()}
        assert manifests[0]["sha256"] == manifests[1]["sha256"]


def test_an_object_that_changes_while_it_is_read(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(storage, "BLOCK", 1 << 16)
    lines = [json.dumps({"id": str(n), "text": f"Rebels attacked {n} villages. " * 40}) for n in range(600)]
    items = read_articles([store.put("in.jsonl", "\n".join(lines).encode())])
    next(items)
    store.put("in.jsonl", "\n".join(reversed(lines)).encode())
    assert "it changed while it was read" in list(items)[-1].detail


def test_what_is_wrong_is_told_once_and_without_the_libraries_own_words(store: Store, run, here, tmp_path: Path):
    no_bucket = f"{store.scheme}://nobody"
    for address in (f"{store.url}/none.jsonl", f"{no_bucket}/in.jsonl", f"{no_bucket}/*.jsonl"):
        articles, (problem,) = read(address)
        assert not articles and ("there is no such" in problem.detail or "no file matches" in problem.detail)
    (tmp_path / "a.jsonl").write_bytes(LINES)
    with pytest.raises(InputError, match="there is no such file, folder or bucket"):
        annotate_files(here, [str(tmp_path / "a.jsonl")], f"{no_bucket}/tasks.jsonl", jobs=1)
    done = run("annotate", "a.jsonl", "-o", f"{no_bucket}/tasks/")
    said = "Error: Cannot write {}/tasks/manifest.json: there is no such file, folder or bucket.\n"
    assert (done.returncode, done.stderr) == (2, said.format(no_bucket))


class Refusing(BaseHTTPRequestHandler):
    """Answers as Google's store does whom it lets do nothing."""

    def do_GET(self) -> None:
        answer = json.dumps({"error": {"code": 403, "message": "Denied for secret@example.org"}}).encode()
        self.send_response(403)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


def test_refused_credentials_are_told_and_not_shown(store: Store, run):
    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cases = {
            "gs": [("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server.server_address[1]}", "access is refused")],
            "az": [
                (KEY, os.environ.get(KEY, "").replace("AccountKey=Eby8", "AccountKey=Abc8"), "access is refused"),
                (KEY, "secret", "no usable credentials for az://"),
            ],
        }
        for name, value, message in cases[store.scheme]:
            done = run("annotate", f"{store.url}/in.jsonl", "-o", "tasks.jsonl", **{name: value})
            assert done.returncode == 2 and message in done.stderr
            assert not any(word in done.stderr for word in ("Traceback", "Abc8", "secret"))
        server.shutdown()
