"""A small Label Studio that keeps a project honestly, and answers as no Label Studio should where it is told to.

    with Hostile() as server:
        server.add(3)                       # tasks, the first of them annotated
        server.mode = "a task's id is a path"

`EDITS` change what an answer says, `RAW` how it comes. Each names the addresses that it concerns.
"""

import gzip
import json
import re
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

TOKEN = "0123456789abcdef0123456789abcdef01234567"
REGION = {
    "id": "r",
    "from_name": "span",
    "to_name": "text",
    "type": "labels",
    "value": {"start": 0, "end": 6, "text": "Police", "labels": ["ACTOR"]},
}
WORST = 1 << 40  # bytes of what never ends
ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\u202e\u2066"

Json = Any
Edit = Callable[[Json], Json]
ANY = r"^/"
TASKS = r"^/api/(projects/\d+/tasks|tasks)/$"
LIST = r"^/api/tasks/$"
OF_PROJECT = r"^/api/projects/\d+/tasks/$"
PROJECT = r"^/api/projects/\d+/$"
USER = r"whoami"


def each_task(change: Callable[[dict[str, Any]], None]) -> Edit:
    def edit(found: Json) -> Json:
        for task in found["tasks"] if isinstance(found, dict) else found:
            change(task)
        return found

    return edit


def setting(**fields: Any) -> Edit:
    """Each task, with these fields; None takes one away."""
    return each_task(lambda task: [task.pop(k, None) if v is None else task.update({k: v}) for k, v in fields.items()])


def annotation(**fields: Any) -> Edit:
    return each_task(lambda task: [a.update(fields) for a in task.get("annotations", ())])


def saying(**fields: Any) -> Edit:
    return lambda found: {**found, **fields} if isinstance(found, dict) else found


def nested(depth: int) -> Any:
    found: Any = []
    for _ in range(depth):
        found = [found]
    return found


# What an answer says: which addresses, and what becomes of their JSON.
EDITS: dict[str, tuple[str, Edit]] = {
    "a task's id is a path": (TASKS, setting(id="../../x")),
    "a task's id is a fraction": (TASKS, setting(id=1e25)),
    "a task's id is true": (TASKS, setting(id=True)),
    "a task's id is negative": (TASKS, setting(id=-7)),
    "a task's id is zero": (TASKS, setting(id=0)),
    "a task's id has 30 digits": (TASKS, setting(id=10**29)),
    "a task has no id": (TASKS, setting(id=None)),
    "a task is empty": (TASKS, each_task(dict.clear)),
    "a task is a number": (TASKS, lambda f: {**f, "tasks": [7]} if isinstance(f, dict) else [7]),
    "a task's time has a quote": (TASKS, setting(updated_at='2026-01-01","x":"')),
    "a task's time is a number": (TASKS, setting(updated_at=20260101)),
    "a task's time is before all time zones": (TASKS, setting(updated_at="0001-01-01T00:00:00+23:59")),
    "a task's skips are negative": (TASKS, setting(cancelled_annotations=-1)),
    "a task's skips are text": (TASKS, setting(cancelled_annotations="many")),
    "annotations are a number": (TASKS, setting(annotations=5)),
    "annotations are an object": (TASKS, setting(annotations={"id": 1})),
    "annotations are numbers": (TASKS, setting(annotations=[1, 2])),
    "an annotation's id is a path": (TASKS, annotation(id="../q")),
    "an annotation's id is missing": (TASKS, each_task(lambda t: [a.pop("id", 0) for a in t.get("annotations", ())])),
    "tasks are an object": (TASKS, lambda f: {**f, "tasks": {"1": f["tasks"]}} if isinstance(f, dict) else {"1": f}),
    "tasks are text": (TASKS, lambda f: {**f, "tasks": "none"} if isinstance(f, dict) else "none"),
    "tasks are missing": (TASKS, lambda _: {}),
    "tasks are null": (TASKS, lambda _: None),
    "the total is text": (LIST, saying(total="three")),
    "the total is negative": (LIST, saying(total=-3)),
    "the total is a fraction": (LIST, saying(total=2.5)),
    "the total of annotations is missing": (LIST, lambda f: {k: v for k, v in f.items() if k != "total_annotations"}),
    "the project is empty": (PROJECT, lambda _: {}),
    "the project is a list": (PROJECT, lambda f: [f]),
    "the project is text": (PROJECT, lambda _: "project"),
    "the project is null": (PROJECT, lambda _: None),
    "the project has no id": (PROJECT, lambda f: {k: v for k, v in f.items() if k != "id"}),
    "the project's id is text": (PROJECT, saying(id="1")),
    "the project's id is a path": (PROJECT, saying(id="../../etc")),
    "the project's id is another one": (PROJECT, saying(id=77)),
    "the project's config is a number": (PROJECT, saying(label_config=5)),
    "the project's title is a list": (PROJECT, saying(title=["a"])),
    "the project's tasks are text": (PROJECT, saying(task_number="all")),
    "the project's time is a list": (PROJECT, saying(created_at=[1])),
    "users are text": (r"^/api/users/$", lambda _: "nobody"),
    "users are numbers": (r"^/api/users/$", lambda _: [1, 2]),
    "a user's id is a list": (r"^/api/users/$", lambda _: [{"id": [1], "email": "a@b"}]),
    "the owner has no address": (USER, lambda _: {"id": 1}),
    "the owner is text": (USER, lambda _: "me"),
    "the owner's address is a list": (USER, lambda _: {"id": 1, "email": ["a"]}),
    "the version is a list": (r"^/api/version/", lambda _: [1]),
    "escape codes": (
        ANY,
        lambda f: (
            {
                key: ESCAPES + value if isinstance(value, str) and key in ("email", "title", "release") else value
                for key, value in f.items()
            }
            if isinstance(f, dict)
            else f
        ),
    ),
}


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, kind: str = "application/json", **headers: str):
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def start(handler: BaseHTTPRequestHandler, size: int | None = None, **headers: str) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    if size is not None:
        handler.send_header("Content-Length", str(size))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


def endless(handler: BaseHTTPRequestHandler, *_: Any) -> None:
    start(handler, WORST)
    handler.wfile.write(b'{"tasks": [')
    block = b'"' + b"x" * 65_533 + b'",'
    while True:
        handler.wfile.write(block)


def endless_chunks(handler: BaseHTTPRequestHandler, *_: Any) -> None:
    start(handler, None, Transfer_Encoding="chunked")
    block = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    while True:
        handler.wfile.write(block)


@cache
def packed(layers: int) -> bytes:
    """256 MB of nothing, packed so many times."""
    data = bytes(1 << 28)
    for _ in range(layers):
        data = gzip.compress(data)
    return data


def bomb(layers: int) -> Callable[..., None]:
    packing = ", ".join(["gzip"] * layers)
    return lambda handler, *_: send(handler, 200, packed(layers), Content_Encoding=packing)


def gzip_members(handler: BaseHTTPRequestHandler, *_: Any) -> None:
    """One packed megabyte after another, without an end."""
    start(handler, None, Content_Encoding="gzip", Transfer_Encoding="chunked")
    packer = zlib.compressobj(wbits=31)
    while True:
        data = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_SYNC_FLUSH)
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


def drip(handler: BaseHTTPRequestHandler, *_: Any) -> None:
    start(handler, WORST)
    while True:
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def drip_of_headers(handler: BaseHTTPRequestHandler, *_: Any) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.05)


def silence(handler: BaseHTTPRequestHandler, *_: Any) -> None:
    while not handler.server.is_over:
        time.sleep(0.05)


def endless_headers(handler: BaseHTTPRequestHandler, *_: Any) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        handler.wfile.write(b"X-More: %s\r\n" % (b"y" * 1000))


def endless_continue(handler: BaseHTTPRequestHandler, *_: Any) -> None:
    while True:
        handler.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")


def cut(handler: BaseHTTPRequestHandler, found: Json, *_: Any) -> None:
    body = json.dumps(found).encode()
    start(handler, len(body) + 100)
    handler.wfile.write(body)
    handler.close_connection = True


def short(handler: BaseHTTPRequestHandler, found: Json, *_: Any) -> None:
    body = json.dumps(found).encode()
    start(handler, len(body) // 2)
    handler.wfile.write(body)
    handler.close_connection = True


def page(status: int, body: bytes, kind: str = "text/html", **headers: str) -> Callable[..., None]:
    return lambda handler, *_: send(handler, status, body, kind, **headers)


def echo(status: int, way: str) -> Callable[..., None]:
    """The request's own token, in an error: in the detail, in validation errors, as HTML, or in a redirect."""

    def raw(handler: BaseHTTPRequestHandler, *_: Any) -> None:
        token = handler.headers.get("Authorization", "")
        text = f"Refused {token} and {token.split()[-1]}. "
        if way == "detail":
            send(handler, status, json.dumps({"detail": text * 3}).encode())
        elif way == "validation":
            send(handler, status, json.dumps({"detail": "x", "validation_errors": {token: [text]}}).encode())
        elif way == "html":
            send(handler, status, f"<html><title>{text}</title>{text}</html>".encode(), "text/html")
        elif way == "long":
            send(handler, status, json.dumps({"detail": "x" * 495 + text + "y" * 100_000}).encode())
        elif way == "value":
            send(handler, status, json.dumps({"id": token, "email": {"a": token}, "tasks": token}).encode())
        else:
            place = f"http://{token.split()[-1]}.example.org/{token.split()[-1]}"
            send(handler, status, text.encode(), Location=place, X_Token=token, WWW_Authenticate=token)

    return raw


def redirect(handler: BaseHTTPRequestHandler, *_: Any) -> None:
    send(handler, 302, b"", Location=f"{handler.path}x")


HUGE = b"<html>" + b"An error. " * 4_000_000
# How an answer comes: which addresses, and what is done in its place.
RAW: dict[str, tuple[str, Callable[..., None]]] = {
    "an endless body": (TASKS, endless),
    "an endless body of chunks": (USER, endless_chunks),
    "a gzip bomb": (PROJECT, bomb(1)),
    "a gzip bomb among tasks": (TASKS, bomb(1)),
    "millions of empty objects": (TASKS, lambda handler, *_: send(handler, 200, b"[" + b"{}," * 20_000_000 + b"{}]")),
    "millions of short texts": (PROJECT, lambda handler, *_: send(handler, 200, b"[" + b'"ab",' * 3_000_000 + b"1]")),
    "millions of users": (r"/users/", lambda handler, *_: send(handler, 200, b"[" + b"1," * 2_900_000 + b"1]")),
    "a gzip bomb in a gzip bomb": (USER, bomb(2)),
    "gzip without an end": (TASKS, gzip_members),
    "gzip that is none": (PROJECT, page(200, b"not gzip", "application/json", Content_Encoding="gzip")),
    "an encoding that nobody asked for": (PROJECT, page(200, b"xxxx", "application/json", Content_Encoding="br")),
    "a drip": (PROJECT, drip),
    "a drip among tasks": (TASKS, drip),
    "a drip of headers": (USER, drip_of_headers),
    "silence": (PROJECT, silence),
    "endless headers": (USER, endless_headers),
    "an endless to be continued": (USER, endless_continue),
    "less than was promised": (TASKS, cut),
    "more than was promised": (TASKS, short),
    "a page of a proxy": (PROJECT, page(200, b"<html>Please log in</html>")),
    "a page of a proxy at first": (USER, page(200, b"<html>Please log in</html>")),
    "an error with a huge page": (PROJECT, page(500, HUGE)),
    "nothing at all": (PROJECT, page(200, b"", "application/json")),
    "bytes that are not UTF-8": (PROJECT, page(200, b'{"id": 1, "title": "\xff\xfe"}', "application/json")),
    "deep JSON": (PROJECT, page(200, b"[" * 200_000 + b"]" * 200_000, "application/json")),
    "deep JSON among tasks": (TASKS, page(200, b'{"tasks": ' + b"[" * 200_000 + b"]" * 200_000 + b"}")),
    "deep JSON in an error": (PROJECT, page(400, b'{"detail": ' + b"[" * 200_000 + b"]" * 200_000 + b"}")),
    "deep detail in an error": (PROJECT, page(400, json.dumps({"detail": nested(500)}).encode())),
    "NaN": (PROJECT, page(200, b"NaN", "application/json")),
    "a number of 10,000 digits": (PROJECT, page(200, b'{"id": 1' + b"0" * 10_000 + b"}", "application/json")),
    "a redirect loop": (USER, redirect),
    "a token in a detail": (PROJECT, echo(400, "detail")),
    "a token in a refusal": (USER, echo(403, "detail")),
    "a token in validation errors": (PROJECT, echo(400, "validation")),
    "a token in a page": (PROJECT, echo(500, "html")),
    "a token at the edge of a long detail": (PROJECT, echo(400, "long")),
    "a token in a value": (PROJECT, echo(200, "value")),
    "a token in a redirect": (PROJECT, echo(302, "redirect")),
    "escape codes in an error": (PROJECT, page(400, json.dumps({"detail": ESCAPES}).encode())),
    "a time of the year 9999": (ANY, lambda h, found, *_: send(h, 200, json.dumps(found).encode())),
    "a code that does not exist": (PROJECT, page(799, b"{}")),
    "no content": (PROJECT, page(204, b"")),
}

# What never ends although each answer is sound.
ENDLESS = {
    "pages that never end",
    "numbers that grow for ever",
    "the same page for ever",
    "pages without tasks",
    "a page of the same task",
}


class Hostile(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1; a context manager.

    Attributes:
        mode: One of `EDITS`, `RAW` and `ENDLESS`, or "" to be honest.
        only: How many answers are bad, after which all are good; None is all of them.
        project: The project, as the API says it.
        tasks: The tasks by id, as the API says them.
        seen: What was asked: method and path with its query.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.mode, self.only = "", None
        self.is_over = False
        self.seen: list[str] = []
        self.tasks: dict[int, dict[str, Any]] = {}
        self.project: dict[str, Any] | None = {
            "id": 1,
            "title": "Hostile",
            "label_config": "",
            "model_version": "",
            "created_at": "2026-01-01T00:00:00.000000Z",
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over = True
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that had enough."""

    def add(self, number: int, **more: Any) -> None:
        """Tasks, each with an annotation."""
        for _ in range(number):
            key = max(self.tasks, default=0) + 1
            self.tasks[key] = {
                "id": key,
                "project": 1,
                "created_at": "2026-01-01T00:00:00.000000Z",
                "updated_at": "2026-01-01T00:00:00.000000Z",
                "data": {"doc_id": f"d{key}", "digest": "", "text": f"Police arrested {key} people in Paris."},
                "annotations": [
                    {"id": key, "completed_by": 1, "was_cancelled": False, "result": [REGION], "task": key}
                ],
                "total_annotations": 1,
                "cancelled_annotations": 0,
                "total_predictions": 0,
                "draft_exists": False,
                "predictions_model_versions": "",
                **more,
            }

    # the honest answers

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Json) -> tuple[int, Json]:  # noqa: PLR0911, PLR0912 - one an address
        if "whoami" in path:
            return 200, {"id": 1, "email": "me@example.org"}
        if path.startswith("/api/version"):
            return 200, {"release": "1.23.2"}
        if path == "/api/users/":
            return 200, [{"id": 1, "email": "me@example.org"}]
        if path == "/api/token/refresh/":
            return 200, {"access": "an-access-token-of-five-minutes"}
        if method == "POST" and path == "/api/projects/":
            self.project = {"id": 1, "model_version": "", "created_at": "2026-01-01T00:00:00Z", **body}
            return 201, self.project
        if path == "/api/projects/":
            return 200, {"count": 0, "results": []}
        if not self.project:
            return 404, {"detail": "No Project matches the given query."}
        if path == "/api/projects/1/":
            self.project |= body or {}
            return 200, {**self.project, "task_number": len(self.tasks)}
        if path == "/api/projects/1/import":
            return 201, self.imported(body)
        if path == "/api/projects/1/import/predictions":
            return 201, {"created": len(body)}
        if path == "/api/dm/actions/":
            return 200, {"processed_items": 0}
        if path == "/api/projects/1/tasks/":
            return self.page(sorted(self.tasks.values(), key=lambda task: -task["id"]), query)
        if path == "/api/tasks/":
            status, tasks = self.page(self.found(query), query)
            count = sum(len(task["annotations"]) for task in self.found(query))
            return status, {"tasks": tasks, "total": len(self.found(query)), "total_annotations": count}
        if path.endswith("/drafts"):
            return 200, []
        return 404, {"detail": "Not found."}

    def imported(self, body: Json) -> Json:
        first = max(self.tasks, default=0) + 1
        for task in body:
            self.add(1, data=task["data"], annotations=[], total_annotations=0, total_predictions=1)
            newest = self.tasks[max(self.tasks)]
            newest["predictions_model_versions"] = task["predictions"][0]["model_version"]
        ids = list(range(first, first + len(body)))
        return {"task_count": len(ids), "task_ids": ids, "prediction_count": sum(len(t["predictions"]) for t in body)}

    def page(self, tasks: list[Json], query: dict[str, list[str]]) -> tuple[int, Json]:
        size, number = int(query.get("page_size", ["100"])[0]), int(query.get("page", ["1"])[0])
        some = deepcopy(tasks[(number - 1) * size : number * size])
        if self.mode in ENDLESS:
            return 200, self.endless(number, size, query)
        return (200, some) if some or number == 1 else (404, {"detail": "Invalid page."})

    def endless(self, number: int, size: int, query: dict[str, list[str]]) -> list[Json]:
        first = (number - 1) * size + 1
        if self.mode == "the same page for ever":
            first = 1
        elif self.mode == "numbers that grow for ever":
            after = [
                item["value"] for item in items_of(query) if item["operator"] == "greater" and "id" in item["filter"]
            ]
            first += max(after, default=0)
        elif self.mode == "pages without tasks":
            return []
        elif self.mode == "a page of the same task":
            return [{**self.tasks[1], "data": {"text": str(key)}} for key in range(size)]
        return [{**self.tasks[1], "id": key, "annotations": []} for key in range(first, first + size)]

    def found(self, query: dict[str, list[str]]) -> list[Json]:
        kept = [task for task in self.tasks.values() if all(fits(task, item) for item in items_of(query))]
        return sorted(kept, key=lambda task: task["id"])


def items_of(query: dict[str, list[str]]) -> list[Json]:
    """The conditions of a query of the Data Manager."""
    found: list[Json] = json.loads(query.get("query", ["{}"])[0]).get("filters", {}).get("items", [])
    return found


def fits(task: Json, item: Json) -> bool:
    name, value = item["filter"].removeprefix("filter:tasks:"), item["value"]
    mine = task["data"].get(name.removeprefix("data.")) if name.startswith("data.") else task.get(name)
    return {
        "greater": lambda: mine > value,
        "less_or_equal": lambda: mine <= value,
        "in_list": lambda: str(mine) in value,
        "equal": lambda: mine == value,
        "empty": lambda: bool(mine) == (value != "true"),
    }[item["operator"]]()


class _Handler(BaseHTTPRequestHandler):
    server: Hostile
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server, parts = self.server, urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server.seen.append(f"{self.command} {self.path}")
        status, found = server.answer(self.command, parts.path, parse_qs(parts.query), json.loads(body or "null"))
        is_bad = server.only is None or server.only > 0
        where, edit = EDITS.get(server.mode, (".^", None))
        if edit and is_bad and re.search(where, parts.path) and status == 200:
            self.spend()
            found = edit(deepcopy(found))
        where, raw = RAW.get(server.mode, (".^", None))
        with suppress(OSError):
            if raw and is_bad and re.search(where, parts.path):
                self.spend()
                raw(self, found)
            elif server.mode in ENDLESS and isinstance(found, dict) and "tasks" in found:
                send(self, status, json.dumps({**found, "total": 1 << 40, "total_annotations": 7}).encode())
            else:
                send(self, status, json.dumps(found).encode())

    do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 - names that http.server looks for

    def spend(self) -> None:
        if self.server.only is not None:
            self.server.only -= 1

    def date_time_string(self, timestamp: float | None = None) -> str:
        if self.server.mode == "a time of the year 9999":
            return "Fri, 31 Dec 9999 23:59:59 GMT"
        return super().date_time_string(timestamp)

    def log_message(self, *_: object) -> None:
        pass
