"""Who may annotate: accounts of a real Label Studio, added, listed and removed by the command line."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from labeling.settings import Workspace, init
from labeling.studio import server
from labeling.studio.setup import read_credentials
from labeling.workflow.status import status
from tests.builders import Run
from tests.workflow.importing.pushing import push, tasks

studio = pytest.mark.studio
Browser = Callable[[str, str, str], httpx.Client]


@pytest.fixture
def browser() -> Iterator[Browser]:
    """Somebody who has filled in the login form of the page."""
    with ExitStack() as stack:

        def logged_in(url: str, email: str, password: str) -> httpx.Client:
            client = stack.enter_context(httpx.Client(base_url=url, headers={"Referer": url}, trust_env=False))
            client.get("/user/login/")
            form = {"email": email, "password": password, "csrfmiddlewaretoken": client.cookies["csrftoken"]}
            client.post("/user/login/", data=form)
            client.headers["X-CSRFToken"] = client.cookies["csrftoken"]
            return client

        yield logged_in


def is_in(client: httpx.Client) -> bool:
    return client.get("/api/current-user/whoami").status_code == 200


def added(run: Run, workspace: Workspace, *options: str) -> dict[str, str]:
    done = run("people", "add", *options, "--json", "-w", workspace.folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@studio
def test_people_who_are_added_log_in_and_who_are_removed_do_not_but_keep_their_annotations(
    workspace: Workspace, api, browser: Browser, run: Run
):
    push(workspace)
    login = added(run, workspace, "Ann@Example.org")
    assert login["email"] == "ann@example.org"
    url = server.status(workspace.studio_folder).url
    assert login["url"] == f"{url}/user/login/"
    ann = browser(url, login["email"], login["password"])
    assert is_in(ann)
    (number, *_) = (task["id"] for task in tasks(workspace, api).values())
    assert ann.post(f"/api/tasks/{number}/annotations/", json={"result": [], "lead_time": 3}).status_code == 201

    again = run("people", "add", "ann@example.org", "-w", workspace.folder)
    assert (again.returncode, again.stdout) == (2, "")
    assert "--new-password" in again.stderr
    other = added(run, workspace, "ann@example.org", "--new-password")
    assert not is_in(browser(url, "ann@example.org", login["password"]))
    assert is_in(ann := browser(url, "ann@example.org", other["password"]))

    done = run("people", "remove", "ann@example.org", "-w", workspace.folder)
    assert (done.returncode, done.stdout) == (0, "")
    assert not is_in(ann)
    assert not is_in(browser(url, "ann@example.org", other["password"]))
    assert status(workspace).annotators == {"ann@example.org": {"reviewed-empty": 1}}
    listed = json.loads(run("people", "list", "--json", "-w", workspace.folder).stdout)["people"]
    (one,) = (one for one in listed if one["email"] == "ann@example.org")
    assert (one["is_active"], one["annotations"]) == (False, 1)
    assert "removed already" in run("people", "remove", "ann@example.org", "-w", workspace.folder).stderr

    back = added(run, workspace, "ann@example.org")
    assert not back["is_new"]
    assert is_in(browser(url, "ann@example.org", back["password"]))
    kept = b"".join(file.read_bytes() for file in workspace.studio_folder.resolve().rglob("*") if file.is_file())
    assert b"ann@example.org" in kept
    assert not any(password.encode() in kept for password in (login["password"], back["password"]))


@studio
def test_people_removed_on_the_page_keep_their_name(workspace: Workspace, api, colleague, run: Run):
    push(workspace)
    who = colleague.get("/api/current-user/whoami").json()
    (number, *_) = (task["id"] for task in tasks(workspace, api).values())
    assert colleague.post(f"/api/tasks/{number}/annotations/", json={"result": []}).status_code == 201
    assert set(status(workspace).annotators) == {who["email"]}
    assert api.delete(f"/api/organizations/{who['active_organization']}/memberships/{who['id']}/").status_code == 204
    assert set(status(workspace).annotators) == {who["email"]}


@studio
def test_people_are_looked_after_where_the_server_does_not_run(studio_folder: Path, tmp_path: Path, run: Run):
    init(tmp_path)
    folder = tmp_path / ".labeling" / "studio"
    shutil.copytree(studio_folder, folder, ignore=shutil.ignore_patterns("server.json", "lock"))
    assert server.status(folder) is None
    assert run("people", "add", "bea@example.org").returncode == 0
    table = run("people", "list").stdout
    assert re.search(r"bea@example\.org .* yes", table)
    own = read_credentials(folder).email
    refused = run("people", "remove", own)
    assert refused.returncode == 2
    assert "itself uses" in refused.stderr
    for email, why in [("nobody@example.org", "no active account"), ("nonsense", "not a valid e-mail address")]:
        refused = run("people", "remove", email)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert why in refused.stderr


@studio
def test_people_elsewhere_get_the_invitation_link_that_makes_them_an_account(studio_folder: Path, tmp_path, run: Run):
    init(tmp_path)
    running, login = server.status(studio_folder), read_credentials(studio_folder)
    there = {"LABEL_STUDIO_URL": running.url, "LABEL_STUDIO_API_KEY": login.token.get_secret_value()}
    done = run("people", "add", "cid@example.org", **there)
    link = done.stdout.strip()
    assert link.startswith(f"{running.url}/user/signup/?token=")
    assert "Create Account" in done.stderr
    with httpx.Client(base_url=running.url, headers={"Referer": running.url}, trust_env=False) as client:
        page = client.get(link).text
        assert "Create Account" in page
        form = {
            "email": "cid@example.org",
            "password": "cid-cid-cid",
            "csrfmiddlewaretoken": client.cookies["csrftoken"],
        }
        assert client.post(link, data=form).status_code == 302
        assert is_in(client)
    assert "cid@example.org" in run("people", "list", **there).stdout
    refused = run("people", "remove", "cid@example.org", **there)
    assert refused.returncode == 2
    assert f"{running.url}/admin/" in refused.stderr


@pytest.mark.parametrize("command", [["list"], ["add", "ann@example.org"], ["remove", "ann@example.org"]])
def test_people_of_a_server_that_was_never_started(tmp_path: Path, run: Run, command: list[str]):
    pytest.importorskip("label_studio", reason="Label Studio is not installed: pip install -e '.[server]'")
    init(tmp_path)
    done = run("people", *command)
    assert (done.returncode, done.stdout) == (2, "")
    assert "labeling studio start" in done.stderr


def test_people_are_either_invited_or_get_a_new_password(tmp_path: Path, run: Run):
    done = run("people", "add", "ann@example.org", "--invite", "--new-password")
    assert done.returncode == 2
    assert "exclude each other" in done.stderr
