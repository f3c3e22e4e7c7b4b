"""The only user of label-studio-sdk: its client, whose requests go through our connection like all others."""

from typing import Any

import httpx
from label_studio_sdk import LabelStudio
from pydantic import TypeAdapter

from labeling.studio.answers import OBJECT, PROJECT, VERSION
from labeling.studio.connection import Connection

# What is answered at the addresses that begin like this; at all others, some object.
SHAPES = {"/api/projects/": PROJECT, "/api/version": VERSION}
# Whoever sends decides whether to send again: what failed may have been done.
ONCE: Any = {"max_retries": 0}


def open_sdk(connection: Connection) -> LabelStudio:
    """The SDK's client for the server of the connection. To import it takes a second and 160 MB.

    It knows no token: the connection has it, and renews it. So whatever the SDK logs or raises cannot name one.
    """
    return LabelStudio(
        base_url=connection.url,
        api_key="held by the connection",
        httpx_client=httpx.Client(transport=_Through(connection)),
    )


class _Through(httpx.BaseTransport):
    """Hands requests to a connection, which limits and checks their answers, and puts their failures into words."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return self._connection.exchange(request, _shape(request.url.path))


def _shape(path: str) -> TypeAdapter[Any]:
    return next((shape for start, shape in SHAPES.items() if start in path), OBJECT)
