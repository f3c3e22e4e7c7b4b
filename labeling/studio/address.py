"""The address of a Label Studio, as typed by a user."""

import re
from urllib.parse import urlsplit

from labeling.errors import InputError

LOOKS_LIKE = "It looks like http://localhost:8080 or https://label-studio.example.org."
# Label Studio's own pages. What precedes them is the server's address, perhaps with a path below which it is served.
PAGES = re.compile(
    r"/(?:projects(?:/\d+(?:/.*)?)?|user/(?:login|logout|signup|account)(?:/.*)?|organization(?:/.*)?|api(?:/.*)?)/?$"
)


def refuse_address(url: str) -> None:
    """Check that the URL is the address of a server.

    Raises:
        InputError: It is not a URL, or it is that of a page; the message never contains a password.
    """
    shown = re.sub(r"//[^/@]*@", "//", url)
    if "://" not in url:
        raise InputError(f"http:// is missing: {shown!r} is not a URL.", f"Did you mean http://{shown}? {LOOKS_LIKE}")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # an invalid port raises, too
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("http", "https") or re.search(r"\s", url):
        raise InputError(f"{shown!r} is not the URL of a server.", LOOKS_LIKE)
    page = PAGES.search(parts.path)
    if page or parts.query or parts.fragment:
        where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        server = where + (parts.path[: page.start()] if page else parts.path).rstrip("/")
        raise InputError(
            f"{shown} is the address of a page.", f"Give the server's address alone, without the page: {server}"
        )
