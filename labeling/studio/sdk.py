"""The only user of label-studio-sdk: its client, whose requests go through our connection like all others.

It is the base of the SDK's client, which imports a resource when it is asked for one. `LabelStudio`, its subclass,
brings pandas and the libraries of two clouds for what is not needed here: 90 MB and a second more.
"""

import httpx
from label_studio_sdk.base_client import LabelStudioBase

from labeling.studio.answers import OBJECT, PROJECT, VERSION
from labeling.studio.connection import Connection

# The shapes of answers by how their address begins; elsewhere, any object.
SHAPES = {"/api/projects/": PROJECT, "/api/version": VERSION}


def open_sdk(connection: Connection) -> LabelStudioBase:
    """The SDK's client for the server of the connection. Importing it takes a third of a second and 16 MB.

    It has no token: the connection adds and renews it. So nothing that the SDK logs or raises can contain one.
    """
    return LabelStudioBase(
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
