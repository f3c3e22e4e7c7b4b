"""The embedded server behind a real nginx with TLS, set up as docs/server.md says: its text is what is run."""

import json
import os
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from labeling.settings import Workspace, init, open_workspace
from labeling.studio import server
from labeling.studio.setup import read_credentials
from labeling.workflow.connecting import start_studio
from tests.builders import ROOT, Run

pytestmark = pytest.mark.studio

CI = os.environ.get("CI") == "true"
PAGE = (ROOT / "docs" / "server.md").read_text(encoding="utf-8")
NAME = "labels.example.org"
AROUND = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {site}
}}
"""


class Proxy(NamedTuple):
    """A running proxy: the workspace behind it, its address, the one without TLS, and its certificate."""

    workspace: Workspace
    url: str
    plain: str
    certificate: Path


def free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    """The text of the page with what is different here; each piece has to be in it."""
    for old, new in pairs:
        assert old in text, f"docs/server.md does not have {old!r} any more"
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def nginx() -> str:
    """The path of nginx; skipped by name where there is none, never in CI."""
    path = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if path is None and CI:
        pytest.fail("there is no nginx: apt-get install nginx")
    if path is None:
        pytest.skip("there is no nginx: apt-get install nginx")
    return path


@pytest.fixture(scope="module")
def proxy(nginx: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A server and, in front of it, an nginx: by the commands and the files of the page, for localhost."""
    folder = tmp_path_factory.mktemp("proxy")
    (command,) = re.findall(r"^ +(openssl req .+)$", PAGE, re.MULTILINE)
    subprocess.run(shlex.split(command.replace(NAME, "localhost")), cwd=folder, check=True, capture_output=True)
    port, plain = free_ports(2)

    init(folder / "workspace", title="Behind a proxy")
    (settings,) = re.findall(r"```toml\n(.+?)```", PAGE, re.DOTALL)
    settings = replaced(settings, (NAME, f"localhost:{port}"), ("port = 8080\n", ""))
    with (folder / "workspace" / "labeling.toml").open("a", encoding="utf-8") as file:
        file.write(settings)
    workspace = open_workspace(folder / "workspace")
    if not shutil.which("label-studio", path=str(Path(server.sys.executable).parent)) and not CI:
        pytest.skip("Label Studio is not installed: pip install -e '.[server]'")
    running = start_studio(workspace, free_ports(1)[0])
    try:
        (site,) = re.findall(r"```nginx\n(.+?)```", PAGE, re.DOTALL)
        site = replaced(
            site,
            ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
            ("listen 80;", f"listen 127.0.0.1:{plain};"),
            ("https://$host$request_uri", f"https://$host:{port}$request_uri"),
            (NAME, "localhost"),
            ("/etc/ssl/labels.pem", f"{folder}/labels.pem"),
            ("/etc/ssl/private/labels.key", f"{folder}/labels.key"),
            ("127.0.0.1:8080", f"127.0.0.1:{running.port}"),
        )
        user = "user root;" if os.geteuid() == 0 else ""  # whom pytest's folders are for
        (folder / "nginx.conf").write_text(AROUND.format(user=user, folder=folder, site=site))
        log = (folder / "nginx.log").open("wb")
        with log, subprocess.Popen([nginx, "-p", folder, "-c", folder / "nginx.conf"], stdout=log, stderr=log) as web:
            try:
                wait_for(port, folder / "nginx.log", web)
                yield Proxy(workspace, f"https://localhost:{port}", f"http://localhost:{plain}", folder / "labels.pem")
            finally:
                web.terminate()
    finally:
        server.stop(workspace.studio_folder)


def wait_for(port: int, log: Path, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(100):
        assert process.poll() is None, log.read_text()
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture
def browser(proxy: Proxy) -> Iterator[httpx.Client]:
    """A browser that knows the certificate."""
    trusted = ssl.create_default_context(cafile=str(proxy.certificate))
    headers = {"Origin": proxy.url, "Referer": f"{proxy.url}/user/login/"}
    with httpx.Client(base_url=proxy.url, headers=headers, verify=trusted, trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture
def elsewhere(proxy: Proxy, tmp_path: Path) -> dict[str, str]:
    """What the page says about `labeling` on another machine."""
    init(tmp_path, title="Another machine")
    (tmp_path / "articles.jsonl").write_text(
        "".join(json.dumps({"id": f"n{n}", "text": f"Police arrested {n + 2} men in Paris."}) + "\n" for n in range(3))
    )
    (block,) = re.findall(r"^    export LABEL_STUDIO_URL=\S+\n(?:    export .+\n)+", PAGE, re.MULTILINE)
    names = re.findall(r"export (\w+)=", block)
    token = read_credentials(proxy.workspace.studio_folder).token.get_secret_value()
    return dict(zip(names, (proxy.url, token, str(proxy.certificate)), strict=True))


def test_login_through_the_proxy(proxy: Proxy, browser: httpx.Client):
    login = read_credentials(proxy.workspace.studio_folder)
    browser.get("/user/login/")
    form = {"email": login.email, "password": login.password.get_secret_value()}
    done = browser.post("/user/login/", data=form | {"csrfmiddlewaretoken": browser.cookies["csrftoken"]})
    assert done.status_code == 302
    assert httpx.URL(proxy.url).join(done.headers["location"]).host == "localhost"
    assert browser.get("/api/current-user/whoami").json()["email"] == login.email
    page = browser.get("/projects/")
    assert page.status_code == 200
    for file in re.findall(r'(?:src|href)="(/[^"]+\.(?:js|css)[^"]*)"', page.text)[:3]:
        assert browser.get(file).status_code == 200


def test_address_without_tls_leads_to_the_one_with_it(proxy: Proxy):
    found = httpx.get(f"{proxy.plain}/projects/?page=1", trust_env=False)
    assert (found.status_code, found.headers["location"]) == (301, f"{proxy.url}/projects/?page=1")


def test_import_and_pull_through_the_proxy(proxy: Proxy, elsewhere: dict[str, str], run: Run):
    done = run("import", "articles.jsonl", "--json", **elsewhere)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["created"], said["project_url"].partition("/projects/")[0]) == (3, proxy.url)
    pulled = run("pull", "--json", **elsewhere)
    assert json.loads(pulled.stdout)["tasks"] == 3, pulled.stderr


def test_import_larger_than_the_usual_limit_of_nginx(elsewhere: dict[str, str], run: Run, tmp_path: Path):
    text = "\n\n".join(f"Police arrested {n} men in Paris on Monday." for n in range(2000))
    article = {"id": "long", "text": text}
    (tmp_path / "articles.jsonl").write_text(json.dumps(article))
    done = run("import", "articles.jsonl", "--json", **elsewhere)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["created"] == 1


def test_certificate_that_nobody_vouches_for_is_refused(elsewhere: dict[str, str], run: Run):
    del elsewhere["LABELING_CA"]
    done = run("pull", **elsewhere)
    assert done.returncode == 2
    assert "LABELING_CA" in done.stderr


def test_invitation_is_for_the_address_of_the_proxy(proxy: Proxy, browser: httpx.Client, run: Run):
    done = run("people", "add", "ann@example.org", "--invite", cwd=proxy.workspace.folder)
    link = done.stdout.strip()
    assert link.startswith(f"{proxy.url}/user/signup/?token=")
    browser.get(link)
    form = {"email": "ann@example.org", "password": "ann-ann-ann", "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
    assert browser.post(link, data=form).status_code == 302
    assert browser.get("/api/current-user/whoami").json()["email"] == "ann@example.org"
