"""What a connection makes of answers: how often it asks, how much it takes, how long it waits."""

import email.utils
import gc
import gzip
import json
import subprocess
import sys
import time
import weakref
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import stamina
from pydantic import SecretStr

from labeling.core.schema import LabelSchema
from labeling.errors import AccessError, BusyError, StudioError
from labeling.files import read_text
from labeling.resources import resource
from labeling.studio import connection as connection_module
from labeling.studio import listing
from labeling.studio.answers import OBJECT, PROJECT
from labeling.studio.client import Project, Studio
from labeling.studio.connection import Connection, _lifetime, may_pass
from labeling.studio.failures import NoSuchPageError, TooLargeError, wait_of
from labeling.studio.limits import Limits
from labeling.studio.listing import Listing
from labeling.studio.page import Page
from labeling.studio.transport import _proxy
from tests.hostile import RAW, TOKEN, Hostile, page, send

PROJECT_PAGE = "api/projects/1/"


@pytest.fixture
def server() -> Iterator[Hostile]:
    with Hostile() as hostile:
        yield hostile


@pytest.fixture
def connect(server: Hostile, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Connection]]:
    monkeypatch.setattr(connection_module, "FIRST_WAIT", 0.01)
    opened: list[Connection] = []

    def open_one(**limits: Any) -> Connection:
        opened.append(Connection(server.url, SecretStr(TOKEN), limits=Limits(**limits)))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def bad(monkeypatch: pytest.MonkeyPatch, server: Hostile, raw: Callable[..., None], *, only: int | None = None) -> None:
    monkeypatch.setitem(RAW, "of this test", (r"^/api/(projects|tasks)", raw))
    server.mode, server.only = "of this test", only


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520])
def test_question_is_asked_again_where_it_may_pass(status, server, connect, monkeypatch):
    bad(monkeypatch, server, page(status, b"<html>Later</html>"), only=3)
    found, _ = connect().get(PROJECT_PAGE, PROJECT)
    assert found["id"] == 1
    assert len(server.seen) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 414])
def test_question_is_asked_once_where_it_will_not_pass(status, server, connect, monkeypatch):
    bad(monkeypatch, server, page(status, b'{"detail": "no"}'))
    with pytest.raises(StudioError) as caught:
        connect().get(PROJECT_PAGE, PROJECT)
    assert not isinstance(caught.value, BusyError)
    assert isinstance(caught.value, AccessError) == (status in (401, 403))
    assert isinstance(caught.value, NoSuchPageError) == (status == 404)
    assert len(server.seen) == 1


def test_request_that_is_too_large_for_a_proxy_says_what_to_change_there(server, connect, monkeypatch):
    bad(monkeypatch, server, page(413, b"<html>413 Request Entity Too Large</html>"))
    with pytest.raises(StudioError) as caught:
        connect().send("POST", "api/projects/1/import", [], OBJECT)
    assert "client_max_body_size" in caught.value.hint


def test_what_was_asked_again_in_vain_is_not_asked_again_by_who_asked(server, connect, monkeypatch):
    bad(monkeypatch, server, page(503, b""))
    with stamina.set_testing(True, attempts=4), pytest.raises(BusyError) as caught:
        connect().get(PROJECT_PAGE, PROJECT)
    assert caught.value.was_repeated
    assert len(server.seen) == 4


@pytest.mark.parametrize("mode", ["a page of a proxy", "less than was promised", "an error"])
def test_what_is_sent_is_sent_once(mode, server, connect, monkeypatch):
    raw = page(503, b"") if mode == "an error" else RAW[mode][1]
    bad(monkeypatch, server, raw)
    with pytest.raises(BusyError) as caught:
        connect().send("POST", "api/projects/1/import", [], OBJECT)
    assert not caught.value.was_repeated
    assert len(server.seen) == 1


def test_what_was_sent_is_gone_with_its_answer():
    sent: list[weakref.ref[httpx.Request]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(weakref.ref(request))
        return httpx.Response(200, json={})

    connection = Connection("http://127.0.0.1:1", SecretStr(TOKEN), transport=httpx.MockTransport(answer))
    gc.disable()  # it would find the request, but long after: an import makes hardly any garbage
    try:
        connection.send("POST", "api/projects/1/import", ["megabytes"], OBJECT)
        assert [each() for each in sent] == [None]
    finally:
        gc.enable()


@pytest.fixture
def studio(server: Hostile) -> Iterator[Studio]:
    with Studio(Connection(server.url, SecretStr(TOKEN), limits=Limits(answer=1 << 20, patience=5))) as found:
        yield found


def test_sdk_speaks_through_the_connection_with_its_token(server, studio, monkeypatch):
    said: list[str] = []

    def raw(handler: Any, *_: Any) -> None:
        said.append(handler.headers["Authorization"])
        send(handler, 200, b'{"id": 1}')

    bad(monkeypatch, server, raw)
    schema = LabelSchema.from_toml(read_text(resource("schemas") / "event.toml", ""))
    assert studio.create_project(Page.of(schema), "Made").id == 1
    assert server.seen == ["POST /api/projects/", "GET /api/projects/1/"]
    assert said == [f"Token {TOKEN}"] * 2


WITH_THE_SDK = """
import sys
from pydantic import SecretStr
from labeling.studio.connection import Connection
from labeling.studio.sdk import open_sdk
sdk = open_sdk(Connection("http://127.0.0.1:1", SecretStr("t")))
sdk.projects, sdk.annotations, sdk.versions
print({"pandas", "numpy", "boto3", "azure"} & sys.modules.keys())
"""


def test_sdk_is_loaded_without_what_is_not_used():
    said = subprocess.run([sys.executable, "-c", WITH_THE_SDK], capture_output=True, text=True, check=True).stdout
    assert said == "set()\n"


@pytest.mark.parametrize("mode", ["an endless body", "an endless body of chunks", "a gzip bomb", "endless headers"])
def test_sdk_is_held_to_the_limits(mode, server, studio, monkeypatch):
    bad(monkeypatch, server, RAW[mode][1])
    with pytest.raises(StudioError) as caught:
        studio.prefill(Project(id=1, title="", url="", label_config="", model_version="", tasks=0), "m")
    assert not isinstance(caught.value, BusyError)
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_sdk_sends_once(status, server, studio, monkeypatch):
    bad(monkeypatch, server, page(status, json.dumps({"detail": f"no {TOKEN}"}).encode()))
    with pytest.raises(StudioError) as caught:
        studio.submit(1, [])
    assert TOKEN not in caught.value.message
    assert len(server.seen) == 1


@pytest.mark.parametrize("found", ['{"id": "../../x"}', '{"id": 1e25}', '{"title": "x"}', "[]", "7", "<html>"])
def test_sdk_believes_no_other_answer(found, server, studio, monkeypatch):
    bad(monkeypatch, server, page(200, found.encode()))
    with pytest.raises(StudioError):
        studio.prefill(Project(id=1, title="", url="", label_config="", model_version="", tasks=0), "m")
    assert len(server.seen) == 1


def test_retry_after_is_heeded_in_seconds_and_as_a_time_and_has_an_end():
    now = time.time()
    assert wait_of("7") == 7
    assert wait_of(email.utils.formatdate(now + 30, usegmt=True)) == pytest.approx(30, abs=2)
    assert wait_of(email.utils.formatdate(now - 30, usegmt=True)) == 0
    assert [wait_of(said) for said in ("", "soon", "-3", "1e9", "Fri, 31 Dec 9999 23:59:59 GMT")] == [None] * 5
    assert may_pass(BusyError("", after=7.0)) == 7
    assert may_pass(BusyError("", after=1e9)) == connection_module.LONGEST_ASKED
    assert may_pass(BusyError("")) is True
    assert may_pass(StudioError("")) is False


def test_server_that_asks_for_time_gets_it(server, connect, monkeypatch):
    bad(monkeypatch, server, page(429, b"{}", Retry_After="1"), only=1)
    began = time.monotonic()
    connect().get(PROJECT_PAGE, PROJECT)
    assert time.monotonic() - began >= 1


def test_post_is_not_turned_into_a_get_by_a_redirect(server, connect, monkeypatch):
    bad(monkeypatch, server, page(302, b"", Location="/api/projects/1/other"))
    with pytest.raises(
        StudioError,
        match=r"redirects to .*/api/projects/1/other, and a request that changes something is not redirected",
    ):
        connect().send("POST", "api/projects/1/import", [], OBJECT)
    assert len(server.seen) == 1


def test_answer_as_large_as_allowed_is_taken_and_a_byte_more_is_not(server, connect, monkeypatch):
    body = json.dumps({"id": 1, "title": "x" * 1000}).encode()
    bad(monkeypatch, server, page(200, body, "application/json"))
    assert connect(answer=len(body)).get(PROJECT_PAGE, PROJECT)[1] == len(body)
    with pytest.raises(TooLargeError, match="more than"):
        connect(answer=len(body) - 1).get(PROJECT_PAGE, PROJECT)


def test_packed_answer_is_read(server, connect, monkeypatch):
    body = json.dumps({"id": 1, "title": "é" * 100_000}).encode()
    bad(monkeypatch, server, page(200, gzip.compress(body), "application/json", Content_Encoding="gzip"))
    assert connect(answer=len(body)).get(PROJECT_PAGE, PROJECT)[0]["title"] == "é" * 100_000
    with pytest.raises(TooLargeError):
        connect(answer=len(body) - 1).get(PROJECT_PAGE, PROJECT)
    cut = gzip.compress(body)[:-9]
    bad(monkeypatch, server, page(200, cut, "application/json", Content_Encoding="gzip"))
    with pytest.raises(StudioError, match="the end of what gzip packed is missing"):
        connect().get(PROJECT_PAGE, PROJECT)


def test_slow_answer_that_brings_enough_is_waited_for(server, connect, monkeypatch):
    """Longer than the patience, which is for silence and for drips."""

    def slowly(handler: Any, *_: Any) -> None:
        body = json.dumps({"id": 1, "title": "x" * 40_000}).encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        for start in range(0, len(body), 4000):
            handler.wfile.write(body[start : start + 4000])
            time.sleep(0.1)

    bad(monkeypatch, server, slowly)
    connect(patience=0.3, slowest=20_000).get(PROJECT_PAGE, PROJECT)
    with pytest.raises(BusyError, match="did not end in time"):
        connect(patience=0.3, slowest=1_000_000).get(PROJECT_PAGE, PROJECT)
    with pytest.raises(BusyError, match="did not end in time"):
        connect(patience=0.3, slowest=20_000, longest=0.5).get(PROJECT_PAGE, PROJECT)


def test_pages_are_made_smaller_where_one_is_too_large(server, monkeypatch):
    """One very long article must not keep the others from coming."""
    monkeypatch.setattr(listing, "PAGE_BYTES", 1 << 20)
    server.add(30)
    for number in (3, 11, 12, 13):
        server.tasks[number]["data"]["text"] = "x" * 60_000
    limits = Limits(data=100_000)
    with Studio(Connection(server.url, SecretStr(TOKEN), limits=limits)) as studio:
        source = Listing(studio, 1)
        everything = set(range(1, 31))
        assert {task["id"] for found in source.whole(total=30) for task in found.tasks} == everything
        assert {task["id"] for found in source.pages() for task in found.tasks} == everything
        assert {task["id"] for found in source.some(sorted(everything)) for task in found.tasks} == everything
        project = studio.project(1)
        assert len(studio.stored(project, [f"d{n}" for n in everything])) == len(dict(studio.articles(project))) == 30
        server.tasks[12]["data"]["text"] = "x" * 200_000
        for walk in (source.whole(total=30), source.pages(), source.some(sorted(everything))):
            with pytest.raises(TooLargeError, match="more than"):
                list(walk)


def test_look_up_that_does_not_end_is_refused(server):
    server.add(1)
    server.mode = "numbers that grow for ever"
    with Studio(Connection(server.url, SecretStr(TOKEN))) as studio:
        server.mode = ""
        project = studio.project(1)
        server.mode = "numbers that grow for ever"
        with pytest.raises(StudioError, match="more tasks than were asked for"):
            studio.stored(project, ["d1"])


@pytest.mark.parametrize("ids", [[2, 1], [1, 2]])
def test_a_list_of_which_tasks_would_be_missed_is_refused(server, monkeypatch, ids):
    """The server lists them in another order, or gives the first page again and again."""
    with Studio(Connection(server.url, SecretStr(TOKEN))) as studio:
        project = studio.project(1)
        tasks = [{"id": number, "data": {"doc_id": f"d{number}"}} for number in ids]
        bad(monkeypatch, server, page(200, json.dumps({"tasks": tasks, "total": 3}).encode()))
        with pytest.raises(StudioError, match="does not list the tasks by id"):
            studio.stored(project, ["d1"])


def test_ids_of_new_tasks_have_to_be_as_many_as_the_tasks(server, monkeypatch):
    with Studio(Connection(server.url, SecretStr(TOKEN))) as studio:
        project = studio.project(1)
        for ids in ([1], [1, 1], [1, 2, 3], ["a", "b"], [1, -2], None):
            bad(monkeypatch, server, page(201, json.dumps({"task_ids": ids}).encode()))
            with pytest.raises(StudioError):
                studio.create(project, [{}, {}])


def test_access_token_is_renewed_at_half_of_its_time():
    def token(**claims: Any) -> str:
        return f"x.{urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.y"

    assert _lifetime(token(iat=1000, exp=1300)) == 300
    assert _lifetime(token(iat=1000, exp=900)) == 2
    for odd in ("opaque", "a.b.c", token(exp=5), token(iat="x", exp=[1]), "x.AAAA.y"):
        assert _lifetime(odd) == connection_module.RENEWED_AFTER


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "example.org"])
def test_proxy_of_the_environment_counts_for_what_is_elsewhere(host, monkeypatch):
    for name in ("HTTP_PROXY", "ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "127.0.0.1:3128")
    assert _proxy(httpx.URL(f"http://{host}")) == ("http://127.0.0.1:3128" if host == "example.org" else None)
    assert _proxy(httpx.URL(f"https://{host}")) is None
    monkeypatch.setenv("no_proxy", "example.org")
    assert _proxy(httpx.URL(f"http://{host}")) is None
