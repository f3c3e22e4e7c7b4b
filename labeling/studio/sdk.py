"""The only user of label-studio-sdk: its client, whose requests go through our connection like all others."""

import httpx
from label_studio_sdk import LabelStudio

from labeling.studio.answers import OBJECT, PROJECT, VERSION
from labeling.studio.connection import Connection

# The shapes of answers by how their address begins; elsewhere, any object.
SHAPES = {"/api/projects/": PROJECT, "/api/version": VERSION}


def open_sdk(connection: Connection) -> LabelStudio:
    """The SDK's client for the server of the connection. Importing it takes a second and 160 MB.

    It has no token: the connection adds and renews it. So nothing that the SDK logs or raises can contain one.
    """
    return LabelStudio(
        base_url=connection.url,
        api_key="held by the connection",
        httpx_client=httpx.Client(transport=_Through(connection)),
    )


class _Through(httpx.BaseTransport):
    """Hands requests to a connection, which limits and checks the answers, and raises its own errors."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        shapes = (shape for start, shape in SHAPES.items() if start in request.url.path)
        return self._connection.exchange(request, next(shapes, OBJECT))
