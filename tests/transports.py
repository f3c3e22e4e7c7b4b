"""Transports that stand between a connection and the network: they watch, change, answer or break requests."""

import time
from collections.abc import Callable

import httpx

from labeling.studio.limits import WatchedTransport

Send = Callable[[httpx.Request], httpx.Response]


class Between(httpx.BaseTransport):
    """Hands each request to `does`, with what sends it over the network."""

    def __init__(self, does: Callable[[httpx.Request, Send], httpx.Response]) -> None:
        self.does, self.network = does, WatchedTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self.does(request, self.network.handle_request)

    def close(self) -> None:
        self.network.close()


def until_done(request: httpx.Request, send: Send) -> httpx.Response:
    """Sends again what SQLite was too busy for: a test's own requests may meet the server's work of the background."""
    for _ in range(20):
        answer = send(request)
        answer.read()
        if answer.status_code != httpx.codes.INTERNAL_SERVER_ERROR or b"locked" not in answer.content:
            break
        time.sleep(0.5)
    return answer
