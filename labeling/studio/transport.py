"""The HTTP client that sends the token: to one server only, with TLS certificates verified."""

import ssl
import urllib.request
from pathlib import Path

import httpx

from labeling.errors import InputError, StudioError
from labeling.secrets import hidden
from labeling.studio.limits import WatchedTransport

TIMEOUT_SECONDS = 60
# This machine is reached directly: a proxy of the environment could not reach it, and would read the token.
DIRECT = frozenset({"127.0.0.1", "localhost", "::1"})


def open_transport(
    url: str,
    ca: Path | None = None,
    timeout: float = TIMEOUT_SECONDS,
    transport: httpx.BaseTransport | None = None,
) -> httpx.Client:
    """A client that sends requests to the server of the URL only.

    It follows no redirect by itself, since httpx reads the whole body of one, whatever its size.

    On a redirect to another server, httpx drops the Authorization header, but a 307 or 308 repeats the body, and the
    body that renews a token is the token. So a request to another server is refused before it is sent.

    Args:
        url: The server, with scheme, host and port.
        ca: A file of certificates (PEM) that are trusted instead of the public ones; by default those of SSL_CERT_FILE
            and SSL_CERT_DIR, else the public ones. Verification cannot be turned off.
        timeout: Seconds.
        transport: What carries the requests; by default the network, with limits.

    Raises:
        InputError: The file of certificates cannot be used.
        httpx.InvalidURL, httpx.UnsupportedProtocol: The URL is not that of a server.
    """
    server = httpx.URL(url)
    if server.scheme not in ("http", "https") or not server.host:
        raise httpx.UnsupportedProtocol(f"{url!r} names no server by http or https")
    origin = _origin(server)

    def stay(request: httpx.Request) -> None:
        target = _origin(request.url)
        if target != origin:
            place = hidden("{}://{}:{}".format(*target))
            raise StudioError(
                f"{url} redirects to {place}, and the token is not sent there.",
                f"If {place} is the right server, set LABEL_STUDIO_URL (or [studio] url) to it.",
            )

    transport = transport or WatchedTransport(verify=_trusted(ca), proxy=_proxy(server))
    return httpx.Client(timeout=timeout, transport=transport, event_hooks={"request": [stay]})


def _proxy(server: httpx.URL) -> str | None:
    """The proxy of the environment for this server; httpx ignores it if it is given a transport."""
    if server.host in DIRECT or urllib.request.proxy_bypass(server.host):
        return None
    proxies = urllib.request.getproxies()
    found = proxies.get(server.scheme) or proxies.get("all")
    return found if not found or "://" in found else f"http://{found}"


def untrusted(error: httpx.ConnectError) -> str:
    """Why a server's certificate was not trusted; "" if the connection failed for another reason."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return str(cause.verify_message or cause.reason or cause)
        cause = cause.__cause__ or cause.__context__
    return ""


def _trusted(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca.expanduser())) if ca else httpx.create_ssl_context()
    except OSError as error:  # ssl.SSLError is one
        place = ca or "SSL_CERT_FILE or SSL_CERT_DIR"
        raise InputError(
            f"Cannot use the certificates of {place}: {error.strerror or error}",
            "Name a file of certificates in PEM: [studio] ca in labeling.toml, or LABELING_CA.",
        ) from error


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)
