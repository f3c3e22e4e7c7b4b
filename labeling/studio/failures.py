"""The errors of requests to a Label Studio: what happened, where, and what to do next.

They quote what the server says without secrets, and shortened.
"""

import email.utils
import json
import time
from typing import Any

import httpx

from labeling.errors import AccessError, BusyError, StudioError
from labeling.secrets import hidden
from labeling.studio.limits import GarbledError, TooMuchError, Watch
from labeling.studio.transport import untrusted

AGAIN = "Run the same command again: it goes on from what the server has."
TOO_LARGE = "What was sent is too large for a proxy before it: in nginx, `client_max_body_size 250m;` (docs/server.md)."
WHERE_TOKENS_ARE = "Label Studio → your initials → Account & Settings → Access Token"
BETWEEN = "Is it a Label Studio, and does nothing between change its answers?"
ALONE = "Check that the URL is the server's address alone, such as http://localhost:8080."
DETAIL_CHARACTERS = 500  # of what a server says in an error
PASSING = frozenset({408, 425, 429})  # and from 500 on: temporary, or it is unknown whether something was done
YEARS = (946_684_800.0, 4_102_444_800.0)  # 2000 to 2100, in seconds since 1970: other times are wrong


class NoSuchPageError(StudioError):
    """There is nothing at an address."""


class TooLargeError(StudioError):
    """An answer is larger than allowed; a request for less may succeed."""


def failure(url: str, path: str, error: Exception, watch: Watch) -> StudioError:  # noqa: PLR0911 - one a failure
    """The error for an answer that did not come, or not completely."""
    match error:
        case TooMuchError(what="headers"):
            return StudioError(f"{url} answers {path} with headers that do not end.", BETWEEN)
        case TooMuchError():
            return TooLargeError(f"{url} answered {path} with more than {error.most / (1 << 20):,.0f} MB.", BETWEEN)
        case GarbledError():
            return StudioError(f"{url} answered {path} with what cannot be read: {error}.", BETWEEN)
        case httpx.ConnectError() if why := untrusted(error):
            return StudioError(
                f"The certificate of {url} is not trusted: {why}.",
                "Where it is of a CA of your own, name its file: [studio] ca in labeling.toml, or LABELING_CA.",
            )
        case httpx.ConnectError() | httpx.ConnectTimeout():
            return BusyError(
                f"No Label Studio answers at {url}.",
                "`labeling studio start` starts one here; for another, check LABEL_STUDIO_URL.",
            )
        case httpx.TimeoutException() if watch.received:
            came = f"{watch.received:,} bytes in {watch.seconds:.0f} s"
            return BusyError(f"{url} began to answer {path}, and did not end in time ({came}).", AGAIN)
        case httpx.TimeoutException():
            return BusyError(
                f"{url} did not answer within {watch.patience:g} s; "
                "what was asked for may have been done all the same.",
                f"{AGAIN} Where the server is always slow, raise [studio] timeout in labeling.toml.",
            )
        case httpx.InvalidURL() | httpx.UnsupportedProtocol():
            return StudioError(f"{url} is not the URL of a server.", "It looks like http://localhost:8080.")
        case httpx.LocalProtocolError() | UnicodeEncodeError():
            return AccessError("The token has characters that no token has.", f"Copy it anew: {WHERE_TOKENS_ARE}.")
    return BusyError(f"The connection to {url} broke: {type(error).__name__}.", AGAIN)


def refusal(url: str, path: str, status: int, body: Any, after: str) -> StudioError:
    """The error for an answer with an error status; `after` is its Retry-After."""
    detail = _detail(body)
    if status in (401, 403):
        return AccessError(f"{url} refused the token: {detail or status}", _token_hint(detail))
    if status == 404:
        return NoSuchPageError(f"There is no {path} at {url}, as there is at every Label Studio.", ALONE)
    if status in PASSING or status >= 500:
        said = f"{url} cannot answer now (HTTP {status}): {detail or 'no reason given'}"
        return BusyError(said, AGAIN, after=wait_of(after))
    hint = TOO_LARGE if status == 413 else ""
    return StudioError(f"{url} refused {path} (HTTP {status}): {detail or 'no reason given'}", hint)


def repeated(text: str) -> str:
    """What a server said, without secrets and shortened."""
    text = hidden(text)
    return text if len(text) <= DETAIL_CHARACTERS else f"{text[:DETAIL_CHARACTERS]} …"


def wait_of(after: str) -> float | None:
    """The seconds that a Retry-After asks to wait; None if it is not valid."""
    if after.strip().isdecimal():
        return float(after)
    until = clock(after)
    return max(0.0, until - time.time()) if until else None


def clock(date: str) -> float:
    """A time as HTTP writes it, in seconds since 1970; 0 if it is not one."""
    try:
        found = email.utils.parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return found if YEARS[0] < found < YEARS[1] else 0.0


def _detail(body: Any) -> str:
    if not isinstance(body, dict):
        return ""
    found = [_shown(body.get("detail") or body.get("error") or ""), _shown(body.get("validation_errors") or "")]
    return repeated(" ".join(filter(None, found)))


def _shown(value: Any) -> str:
    try:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return ""


def _token_hint(detail: str) -> str:
    if "legacy" in detail:
        return f"This server takes personal access tokens only. Make one: {WHERE_TOKENS_ARE}."
    if "expired" in detail or "blacklisted" in detail:
        return f"It has run out or was revoked. Make another: {WHERE_TOKENS_ARE}."
    return f"Set LABEL_STUDIO_API_KEY to a token of this server: {WHERE_TOKENS_ARE}."
