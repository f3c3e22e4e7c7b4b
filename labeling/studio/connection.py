"""One connection to one Label Studio: authorization, limits, retries, and errors with messages.

All requests go through `get`, `send` and, those of the SDK, `exchange`. Reading is repeated with growing waits, since
most failures are temporary; nothing is sent twice, since it may have been done.
"""

import logging
import threading
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Any

import httpx
import orjson
import stamina
from pydantic import SecretStr, TypeAdapter, ValidationError

from labeling.errors import BusyError, StudioError
from labeling.secrets import keep
from labeling.studio.address import refuse_address
from labeling.studio.answers import ACCESS, DepthError, faults, read_json, weight
from labeling.studio.failures import (
    AGAIN,
    ALONE,
    BETWEEN,
    NoSuchPageError,
    TooLargeError,
    clock,
    failure,
    refusal,
    repeated,
)
from labeling.studio.limits import GarbledError, Limits, TooMuchError, watching
from labeling.studio.transport import open_transport

ATTEMPTS = 6  # with the waits between them, about half a minute
FIRST_WAIT, LONGEST_WAIT = 0.5, 20.0  # seconds
LONGEST_ASKED = 60.0  # seconds that a server may ask to wait
SHARE = 1.5  # of the patience: how long a request is repeated
REDIRECTS = 5
CONNECT_SECONDS = 15.0
RENEWED_AFTER = 60.0  # seconds, if an access token does not say how long it is valid
# stamina logs each attempt, which Python would print without a handler.
logging.getLogger("stamina").addHandler(logging.NullHandler())


class Connection:
    """A connection to a Label Studio.

    Every method raises StudioError: AccessError if the token is refused, BusyError if the failure may be temporary.

    Attributes:
        url: The server's address.
        now: The server's time at its last answer, in seconds since 1970; 0 if unknown.
        server: The `Server` header of the last answer.
        waited: How often a request was repeated.
    """

    def __init__(
        self,
        url: str,
        api_key: SecretStr,
        ca: Path | None = None,
        limits: Limits | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        refuse_address(url)
        keep(api_key.get_secret_value())
        self.url = url.rstrip("/")
        self.limits = limits or Limits()
        self.now, self.server, self.waited = 0.0, "", 0
        self._api_key = api_key
        self._access, self._good_until = "", 0.0
        self._renewing = threading.Lock()
        self._http = open_transport(self.url, ca, self.limits.patience, transport)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def get(
        self,
        path: str,
        shape: TypeAdapter[Any],
        params: Mapping[str, Any] | None = None,
        *,
        is_data: bool = False,
        missing: str = "",
        hint: str = "",
        attempts: int = ATTEMPTS,
        turn: AbstractContextManager[Any] | None = None,
    ) -> tuple[Any, int]:
        """The value of an answer, and its size in bytes. Temporary failures are retried.

        Args:
            path: The path after the server's address.
            shape: The type that the answer must have.
            params: The query.
            is_data: Whether the answer has tasks, so that it may be large.
            missing: The message if there is nothing at the path.
            hint: What to do then.
            attempts: How often the request is made at most.
            turn: A lock that is held until the answer begins.

        Raises:
            NoSuchPageError: There is nothing at the path.
            TooLargeError: The answer is larger than allowed.
        """
        retrying = stamina.RetryingCaller(
            attempts=attempts,
            timeout=SHARE * self.limits.patience,
            wait_initial=FIRST_WAIT,
            wait_max=LONGEST_WAIT,
            wait_jitter=FIRST_WAIT,
        )
        most = self.limits.data if is_data else self.limits.answer
        try:
            return retrying.on(self._again)(
                self._ask, "GET", path, shape, params=params, most=most, turn=turn, is_authorized=True
            )
        except BusyError as error:
            error.was_repeated = True
            raise
        except NoSuchPageError as error:
            raise (NoSuchPageError(missing, hint) if missing else error) from None

    def send(
        self,
        method: str,
        path: str,
        body: Any,
        shape: TypeAdapter[Any],
        params: Mapping[str, Any] | None = None,
    ) -> Any:
        """The value of the answer to a request that changes something; it is made once.

        Raises:
            BusyError: It is unknown whether it was done.
        """
        most = self.limits.answer
        return self._ask(method, path, shape, params=params, body=body, most=most, is_authorized=True)[0]

    def _again(self, error: Exception) -> bool | float:
        wait = may_pass(error)
        self.waited += wait is not False
        return wait

    # one request

    def _ask(
        self,
        method: str,
        path: str,
        shape: TypeAdapter[Any],
        *,
        most: int,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        turn: AbstractContextManager[Any] | None = None,
        is_authorized: bool = False,
    ) -> tuple[Any, int]:
        headers = {"Accept-Encoding": "gzip"}
        if is_authorized:
            headers["Authorization"] = self._authorization()
        if body is not None:
            headers["Content-Type"] = "application/json"
        content = None if body is None else orjson.dumps(body)

        def made() -> httpx.Request:
            return self._http.build_request(
                method, f"{self.url}/{path}", params=params, headers=headers, content=content
            )

        answer, data = self._received(made, path, most, is_writing=method != "GET", turn=turn)
        return self._value(answer, data, path, shape), len(data)

    def exchange(self, request: httpx.Request, shape: TypeAdapter[Any]) -> httpx.Response:
        """The answer to a request of the SDK: sent once, with the token, and checked like any other.

        Raises:
            BusyError: It is unknown whether it was done.
        """
        path = str(request.url).removeprefix(self.url).lstrip("/")
        request.headers["Accept-Encoding"] = "gzip"
        request.headers["Authorization"] = self._authorization()
        most = self.limits.answer
        answer, data = self._received(lambda: request, path, most, is_writing=request.method != "GET")
        self._value(answer, data, path, shape)
        kind = {"Content-Type": "application/json"}
        return httpx.Response(answer.status_code, headers=kind, content=data, request=request)

    def _received(
        self,
        made: Callable[[], httpx.Request],
        path: str,
        most: int,
        *,
        is_writing: bool,
        turn: AbstractContextManager[Any] | None = None,
    ) -> tuple[httpx.Response, bytes]:
        """The answer to a request and its body, within the limits."""
        with watching(self.limits, is_writing=is_writing) as watch:
            try:
                request = made()
                # what is sent may take longer to answer; the watch knows
                request.extensions["timeout"] = httpx.Timeout(watch.patience).as_dict()
                with turn or nullcontext():
                    answer = self._follow(request)
                with closing(answer):
                    data = watch.body(answer, most)
                # The two hold each other, and with them what was sent, until Python looks for garbage: once in a while.
                answer.stream = httpx.ByteStream(b"")
            except (httpx.HTTPError, httpx.InvalidURL, UnicodeEncodeError, TooMuchError, GarbledError) as error:
                raise failure(self.url, path, error, watch) from None  # some repeat the token
        said = answer.headers
        self.now = clock(said.get("date") or "") or self.now
        self.server = said.get("server") or ""
        return answer, data

    def _follow(self, request: httpx.Request) -> httpx.Response:
        """The answer, perhaps after some redirects within the server; `transport` refuses those to other servers."""
        for _ in range(REDIRECTS):
            answer = self._http.send(request, stream=True)
            if answer.next_request is None:
                return answer
            answer.close()
            if answer.next_request.method != request.method:
                place = repeated(str(answer.next_request.url))
                raise StudioError(
                    f"{self.url} redirects to {place}, and a request that changes something is not redirected.",
                    f"If {place} is of the right server, set LABEL_STUDIO_URL (or [studio] url) to that server.",
                )
            request = answer.next_request
        raise StudioError(f"{self.url} redirects again and again.", BETWEEN)

    def _value(self, answer: httpx.Response, data: bytes, path: str, shape: TypeAdapter[Any]) -> Any:
        status = answer.status_code
        if weight(data) > self.limits.values:
            raise TooLargeError(f"{self.url} answered {path} with more than {self.limits.values:,} values.", BETWEEN)
        try:
            found, fault = read_json(data), ""
        except DepthError:
            found, fault = None, "with JSON that is nested too deeply"
        except ValueError:
            found, fault = None, "with something other than JSON"
        if not answer.is_success:
            raise refusal(self.url, path, status, found, answer.headers.get("retry-after") or "")
        if fault.endswith("deeply"):
            raise StudioError(f"{self.url} answered {path} {fault}.", BETWEEN)
        if fault:
            raise BusyError(f"{self.url} answered {path} {fault}; is a proxy between?", f"{ALONE} {AGAIN}")
        try:
            return shape.validate_python(found)
        except ValidationError as error:
            said = repeated(faults(error))
            raise StudioError(f"{self.url} answered {path} unlike any Label Studio: {said}.", BETWEEN) from None

    # authorization

    def _authorization(self) -> str:
        token = self._api_key.get_secret_value()
        if token.count(".") != 2:  # not a JSON Web Token
            return f"Token {token}"
        with self._renewing:
            if time.monotonic() >= self._good_until:
                most, body = self.limits.answer, {"refresh": token}
                found, _ = self._ask("POST", "api/token/refresh/", ACCESS, body=body, most=most)
                self._access = found["access"]
                keep(self._access)
                self._good_until = time.monotonic() + _lifetime(self._access) / 2
            return f"Bearer {self._access}"


def may_pass(error: Exception) -> bool | float:
    """Whether a failure may be temporary; or the seconds to wait, if the server says so."""
    if not isinstance(error, BusyError):
        return False
    return True if error.after is None else min(error.after, LONGEST_ASKED)


def _lifetime(token: str) -> float:
    """For how many seconds an access token is valid, as it says itself."""
    try:
        payload = token.split(".")[1]
        said = orjson.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return max(2.0, min(float(said["exp"]) - float(said["iat"]), 3600.0))
    except (ValueError, TypeError, KeyError, IndexError):
        return RENEWED_AFTER
