"""A proxy that injects faults between a client and a real server, by a seeded schedule."""

import json
import random
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

# What may happen to a request, and how often. "before" means that the server never sees it, "after" that it does. "lost
# predictions" is what SQLite does to an import that meets another write: 201, the tasks are there, and nothing else.
KINDS = {
    "none": 10,
    "delay": 2,
    "cut request": 1,
    "cut response": 1,
    "no response": 1,
    "twice": 1,
    "error before": 2,
    "error after": 1,
    "page of a proxy": 1,
    "slow drip": 1,
    "lost predictions": 2,
}
DROPPED = {"connection", "content-length", "transfer-encoding", "content-encoding", "host", "accept-encoding"}


class FaultProxy:
    """Listens on a free port of 127.0.0.1 and forwards to `target`; a context manager.

    Attributes:
        url: Where it listens.
        injected: How often each kind of fault was injected.
        dies: Whether whoever asks is as good as killed after the next answer to tasks that lost their predictions: no
            request of theirs comes through any more, until `revive`.
    """

    def __init__(self, target: str, seed: int, kinds: dict[str, int] = KINDS) -> None:
        self.random = random.Random(seed)
        self.kinds, self.injected = kinds, Counter()
        self.lock = threading.Lock()
        self.dies = self.is_dead = False
        self.http = httpx.Client(base_url=target, timeout=120, trust_env=False)
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                proxy.serve(self)

            do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = handle_any  # noqa: N815 - names of the library

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "FaultProxy":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.http.close()

    def serve(self, request: BaseHTTPRequestHandler) -> None:  # noqa: PLR0911 - one a fault
        """Answer one request, or not."""
        with self.lock:
            kind = self.random.choices([*self.kinds], [*self.kinds.values()])[0]
            status = self.random.choice([429, 500, 502, 503, 504])
            share = self.random.random()
            self.injected[kind] += 1
        if self.is_dead:
            return self.hang_up(request)
        size = int(request.headers.get("Content-Length") or 0)
        if kind == "cut request":
            request.rfile.read(int(size * share))
            return self.hang_up(request)
        body = request.rfile.read(size)
        if kind == "delay":
            time.sleep(0.3 * share)
        if kind == "error before":
            return self.answer(request, status, b'{"detail": "injected"}', "application/json")
        if kind == "page of a proxy":
            return self.answer(request, 502 if share < 0.5 else 200, b"<html>Sign in</html>", "text/html")
        is_import = request.command == "POST" and request.path.partition("?")[0].endswith("/import")
        if is_import and (kind == "lost predictions" or self.dies):
            tasks = [{key: task[key] for key in task if key != "predictions"} for task in json.loads(body)]
            body = json.dumps(tasks).encode()
            self.is_dead, self.dies = self.dies, False
        answer = self.forward(request, body)
        if kind == "twice" and request.command == "POST":
            answer = self.forward(request, body)
        if kind == "no response":
            return self.hang_up(request)
        if kind == "error after":
            return self.answer(request, status, b'{"detail": "injected"}', "application/json")
        if kind == "cut response":
            self.head(request, answer.status_code, len(answer.content) + 1, answer.headers.get("content-type", ""))
            request.wfile.write(answer.content[: int(len(answer.content) * share)])
            return self.hang_up(request)
        if kind == "slow drip":
            self.head(request, answer.status_code, len(answer.content), answer.headers.get("content-type", ""))
            step = max(1, len(answer.content) // 5)
            for start in range(0, len(answer.content), step):
                request.wfile.write(answer.content[start : start + step])
                request.wfile.flush()
                time.sleep(0.02)
            return None
        return self.answer(request, answer.status_code, answer.content, answer.headers.get("content-type", ""))

    def revive(self) -> None:
        """Requests come through again."""
        self.is_dead = self.dies = False

    def forward(self, request: BaseHTTPRequestHandler, body: bytes) -> httpx.Response:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in DROPPED}
        return self.http.request(request.command, request.path, content=body, headers=headers)

    def answer(self, request: BaseHTTPRequestHandler, status: int, content: bytes, kind: str) -> None:
        self.head(request, status, len(content), kind)
        request.wfile.write(content)

    def head(self, request: BaseHTTPRequestHandler, status: int, size: int, kind: str) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind or "application/json")
        request.send_header("Content-Length", str(size))
        if status == 429:
            request.send_header("Retry-After", "0")
        request.end_headers()

    def hang_up(self, request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        with suppress(OSError):
            request.connection.shutdown(socket.SHUT_RDWR)


class People:
    """Annotators of one project, straight at the server; they know which of their submits were answered with 201.

    Attributes:
        submitted: Annotation → task.
        texts: Task → the text that was in it when somebody submitted.
    """

    def __init__(self, url: str, token: str, seed: int) -> None:
        self.api = httpx.Client(base_url=url, headers={"Authorization": f"Token {token}"}, timeout=60, trust_env=False)
        self.random = random.Random(seed)
        self.submitted: dict[int, int] = {}
        self.texts: dict[int, str] = {}
        self.threads: list[threading.Thread] = []
        self.ended = threading.Event()

    def tasks(self, project: int) -> dict[int, str]:
        """The project's tasks, and their texts."""
        found = self.api.get("/api/tasks/", params={"project": project, "include": "id,data", "page_size": 100})
        return {task["id"]: task["data"]["text"] for task in found.json().get("tasks", ())} if found.is_success else {}

    def submit(self, tasks: dict[int, str], number: int = 1) -> None:
        """Submit annotations on some of the tasks."""
        for task in self.random.sample(sorted(tasks), min(number, len(tasks))):
            answer = self.api.post(f"/api/tasks/{task}/annotations/", json={"result": []})
            if answer.status_code == 201:
                self.submitted[answer.json()["id"]] = task
                self.texts[task] = tasks[task]

    def delete(self, number: int = 1) -> None:
        """Delete some of the annotations."""
        for annotation in self.random.sample(sorted(self.submitted), min(number, len(self.submitted))):
            if self.api.delete(f"/api/annotations/{annotation}/").is_success:
                del self.submitted[annotation]

    def begin(self, tasks: dict[int, str], threads: int = 2) -> None:
        """Submit on the tasks all the time, until `end`."""

        def work() -> None:
            while not self.ended.wait(0.2 + 0.6 * self.random.random()):
                self.submit(tasks)

        self.ended.clear()
        self.threads = [threading.Thread(target=work, daemon=True) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def end(self) -> None:
        """Nobody submits any more."""
        self.ended.set()
        for thread in self.threads:
            thread.join(120)

    def __enter__(self) -> "People":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self.api.close()
