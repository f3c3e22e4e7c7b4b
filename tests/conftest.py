"""What several tests share: one real Label Studio for the session, workspaces on it, the command line."""

import os
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from filelock import FileLock
from hypothesis import settings

from labeling import secrets
from labeling.settings import Workspace, init, open_workspace
from labeling.studio import server
from labeling.studio.setup import read_credentials
from tests.buckets import ACCESS_KEY, SECRET_KEY, Bucket
from tests.builders import Run
from tests.golden.hands import BROWSER
from tests.transports import Between, until_done

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from spacy.language import Language

settings.register_profile("untimed", deadline=None)  # a busy machine is not a fault of the code
settings.load_profile("untimed")

CI = os.environ.get("CI") == "true"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first, so that no process is left alone with one at the end."""
    weights = Counter(item.path for item in items)
    for item in items:
        weights[item.path] += 20 * any(
            item.get_closest_marker(name) for name in ("studio", "browser", "train", "index")
        )
    items.sort(key=lambda item: (-weights[item.path], item.path))


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY", "LABELING_DATABASE", "LABELING_CA", "PGPASSWORD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def cold_start(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder of an embedded Label Studio after its first start, which takes half a minute, for all processes.

    Skipped by name where Label Studio is not installed, never in CI.
    """
    if not shutil.which("label-studio", path=str(Path(sys.executable).parent)) and not CI:
        pytest.skip("Label Studio is not installed: pip install -e '.[server]'")
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "cold-start"
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "credentials.json").exists():
            server.start(folder, port=0)
            server.stop(folder)
    return folder


@pytest.fixture(scope="session")
def studio_folder(cold_start: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a running embedded Label Studio."""
    with _running_copy(cold_start, tmp_path_factory) as folder:
        yield folder


@pytest.fixture(scope="module")
def own_studio_folder(cold_start: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a server that only one file's tests use, and may kill."""
    with _running_copy(cold_start, tmp_path_factory) as folder:
        yield folder


@contextmanager
def _running_copy(cold_start: Path, factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = factory.mktemp("studio")
    shutil.copytree(cold_start, folder, dirs_exist_ok=True)
    server.start(folder, port=0)
    try:
        yield folder
    finally:
        server.stop(folder)


@pytest.fixture
def workspace(studio_folder: Path, tmp_path: Path) -> Workspace:
    """A fresh workspace with a project of its own to come, on the session's server."""
    folder = tmp_path / "workspace"
    init(folder, title="Test project")
    (folder / ".labeling").mkdir()
    (folder / ".labeling" / "studio").symlink_to(studio_folder)
    return open_workspace(folder)


@pytest.fixture
def api(studio_folder: Path) -> Iterator[httpx.Client]:
    """The session's server's API as the tests' own eyes and hands, apart from our client."""
    token = read_credentials(studio_folder).token.get_secret_value()
    url, headers = server.status(studio_folder).url, {"Authorization": f"Token {token}"}
    with httpx.Client(base_url=url, headers=headers, timeout=60, transport=Between(until_done)) as client:
        yield client


@pytest.fixture
def colleague(studio_folder: Path, api: httpx.Client) -> Iterator[httpx.Client]:
    """Another annotator of the same server, logged in as in a browser."""
    url = server.status(studio_folder).url
    with httpx.Client(base_url=url, headers={"Referer": url}) as client:
        invitation = api.get("/api/invite").json()["invite_url"]
        client.get(invitation)
        form = {"email": f"colleague-{time.time_ns()}@example.org", "password": "colleague-1"}
        form["csrfmiddlewaretoken"] = client.cookies["csrftoken"]
        assert client.post(invitation, data=form).status_code == 302
        client.headers["X-CSRFToken"] = client.cookies["csrftoken"]
        yield client


@pytest.fixture(scope="module")
def english() -> "Language":
    """The English pipeline that the tests have."""
    from labeling.nlp.load import load

    return load("en_core_web_sm")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Debian's Chromium; skipped by name where there is none, never in CI."""
    path = shutil.which("chromium")
    if path is None and CI:
        pytest.fail("there is no Chromium: apt-get install chromium")
    if path is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    return path


@pytest.fixture
def page(chromium: str, studio_folder: Path) -> "Iterator[Page]":
    """A page of a browser that is logged in; pictures go to artifacts/."""
    from playwright.sync_api import sync_playwright

    running, login = server.status(studio_folder), read_credentials(studio_folder)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=BROWSER)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(f"{running.url}/user/login/")
        page.fill("input[name=email]", login.email)
        page.fill("input[name=password]", login.password.get_secret_value())
        page.click("button[type=submit]")
        page.wait_for_url(lambda url: "/user/login" not in url)
        yield page
        browser.close()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real S3 server, in this process."""
    import logging

    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MOTO_RECORDER_FILEPATH", str(tmp_path_factory.mktemp("s3") / "requests"))
        running.start()
        host, port = running.get_host_and_port()
        yield f"http://{host}:{port}"
        running.stop()


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> "Bucket":
    """An empty bucket, `s3://news`, for this process and those that it starts."""
    for name, value in {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    return Bucket(s3_server)


@pytest.fixture(autouse=True)
def no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secrets of one test do not blank out the words of another."""
    monkeypatch.setattr(secrets, "_kept", {})
    for name in ("_forms", "_coded", "_tokens"):
        monkeypatch.setattr(secrets, name, ())


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`labeling …` in a folder of its own, as a person types it."""

    def labeling(
        *args: object, cwd: Path = tmp_path, largest_file: int | None = None, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """`largest_file` in bytes: writing beyond it fails, as on a disk that is full."""

        def limit() -> None:
            if largest_file is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))

        program = Path(sys.executable).with_name("labeling")
        return subprocess.run(
            [program, *map(str, args)],
            cwd=cwd,
            env={**os.environ, **environment, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=300,
            check=False,
            preexec_fn=limit,
        )

    return labeling
