"""Settings: one server is one server, however its URL is spelt."""

import json
from pathlib import Path

import pytest

from labeling.settings import init, open_workspace, server_identity
from labeling.workflow.pulled import store_folder

SPELLINGS = {
    "http://localhost:8080": [
        "http://localhost:8080/",
        "http://127.0.0.1:8080",
        "http://[::1]:8080/",
        "HTTP://LocalHost:8080//",
        "http://0.0.0.0:8080",
        " http://user:secret@localhost:8080 ",
        "http://localhost:8080/?next=/projects#top",
    ],
    "http://localhost": ["http://localhost:80", "http://127.0.0.1/"],
    "https://ls.example.org": ["https://LS.example.org:443/", "https://ls.example.org./"],
    "https://example.org:8443/label-studio": ["https://example.org:8443/label-studio/", "https://EXAMPLE.org:8443//label-studio"],
    "http://[2001:db8::1]:8080": ["http://[2001:DB8::1]:8080/"],
}  # fmt: skip


@pytest.mark.parametrize(("one", "other"), [(one, other) for one, others in SPELLINGS.items() for other in others])
def test_a_server_has_one_identity(one: str, other: str):
    assert server_identity(other) == server_identity(one) == one


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://localhost:8080", "http://localhost:8081"),
        ("http://ls.example.org", "https://ls.example.org"),
        ("https://example.org/a", "https://example.org/b"),
        ("https://example.org/a", "https://example.org/A"),
        ("http://a.example.org", "http://b.example.org"),
    ],
)
def test_two_servers_have_two_identities(one: str, other: str):
    assert server_identity(one) != server_identity(other)


@pytest.mark.parametrize("url", ["", "127.0.0.1:8290", "http://[::1", "http://h:port", "nonsense"])
def test_what_is_not_a_url_stays_as_it_is(url: str):
    assert server_identity(url) == url


def test_one_server_spelt_in_two_ways_became_two_projects(tmp_path: Path):
    init(tmp_path, title="Spelt")
    open_workspace(tmp_path, url="http://127.0.0.1:8080/").remember_project(7)
    for url in ("http://localhost:8080", "http://LOCALHOST:8080/"):
        assert open_workspace(tmp_path, url=url).remembered_project() == 7
    open_workspace(tmp_path, url="http://localhost:8080").remember_project(8)
    assert open_workspace(tmp_path, url="http://127.0.0.1:8080/").remembered_project() == 8
    assert open_workspace(tmp_path, url="http://localhost:8081").remembered_project() is None


def test_what_was_remembered_by_the_old_spelling_is_found(tmp_path: Path):
    init(tmp_path, title="Spelt")
    file = tmp_path / ".labeling" / "projects.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"embedded": 1, "http://127.0.0.1:8080/": 5, "http://other:1": 6}))
    assert open_workspace(tmp_path, url="http://localhost:8080").remembered_project() == 5
    assert open_workspace(tmp_path).remembered_project() == 1
    # two of them, where the old versions made two: each spelling goes on with its own
    file.write_text(json.dumps({"http://127.0.0.1:8080": 5, "http://localhost:8080/": 6}))
    assert open_workspace(tmp_path, url="http://127.0.0.1:8080").remembered_project() == 5
    assert open_workspace(tmp_path, url="http://localhost:8080/").remembered_project() == 6


def test_the_project_of_the_settings_counts_for_every_spelling_of_their_server(tmp_path: Path, monkeypatch):
    init(tmp_path, title="Spelt")
    with (tmp_path / "labeling.toml").open("a") as file:
        file.write('\n[studio]\nurl = "http://localhost:8080"\nproject = 12\n')
    monkeypatch.setenv("LABEL_STUDIO_URL", "http://127.0.0.1:8080/")
    assert open_workspace(tmp_path).settings.studio.project == 12
    monkeypatch.setenv("LABEL_STUDIO_URL", "http://127.0.0.1:8081/")
    assert open_workspace(tmp_path).settings.studio.project is None


def test_what_was_pulled_keeps_its_place(tmp_path: Path):
    init(tmp_path, title="Spelt")
    old = tmp_path / ".labeling" / "pulled" / "3@127.0.0.1-8080"
    old.mkdir(parents=True)
    (old / "state.json").write_text("{}")
    folder = store_folder(open_workspace(tmp_path, url="http://127.0.0.1:8080"), 3)
    assert (folder / "state.json").exists()
    assert store_folder(open_workspace(tmp_path, url="http://localhost:8080/"), 3) == folder
    assert store_folder(open_workspace(tmp_path), 3).name == "3"
    assert store_folder(open_workspace(tmp_path, url="https://example.org/ls/"), 3).name == "3@example.org-ls"
