"""Limits of an answer's size and time, counted where the bytes arrive, so that nothing evades them.

httpx limits only the time of one read from the socket. A byte a second is never too slow for it, and it joins and
unpacks bodies, and waits for headers, without an end.
"""

import contextlib
import time
import zlib
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

from labeling.core.value import Value

SLICE = 1 << 16  # bytes written at a time


class Limits(Value):
    """The limits of one request.

    Attributes:
        patience: Seconds until an answer begins, and then a reserve on top of what `slowest` allows.
        writing: By which factor the patience is longer for a request that changes something.
        slowest: Bytes a second at which an answer must arrive, once the reserve is used up.
        longest: Seconds of the whole request.
        headers: Bytes of the headers; below 100 kB, where httpcore gives up by itself.
        answer: Bytes of an unpacked answer.
        data: Bytes of an unpacked answer with tasks.
        values: Values in an answer's JSON; even `{}` takes up to 100 bytes of memory.
    """

    patience: float = 120.0
    writing: float = 5.0
    slowest: float = 10_000.0
    longest: float = 1800.0
    headers: int = 96 << 10
    answer: int = 16 << 20
    data: int = 64 << 20
    values: int = 6_000_000


class TooMuchError(Exception):
    """More bytes of `what` than allowed."""

    def __init__(self, what: str, most: int) -> None:
        super().__init__(what)
        self.what, self.most = what, most


class GarbledError(Exception):
    """An answer cannot be unpacked."""


class Watch:
    """The time and size of one request so far, and what is left of its limits."""

    def __init__(self, limits: Limits, patience: float) -> None:
        self.limits, self.patience = limits, patience
        self.began = time.monotonic()
        self.answered = 0.0  # when the first bytes came
        self.received = 0
        self.most = limits.headers

    @property
    def seconds(self) -> float:
        """The seconds since the request began."""
        return time.monotonic() - self.began

    def left(self, timeout: float | None) -> float:
        """The seconds that the next read may take.

        Raises:
            httpcore.ReadTimeout: No time is left.
        """
        now = time.monotonic()
        if self.received:
            ends = self.answered + self.limits.patience + self.received / self.limits.slowest
        else:
            ends = self.began + self.patience
        left = min(ends, self.began + max(self.limits.longest, self.patience)) - now
        if left <= 0:
            raise httpcore.ReadTimeout
        return left if timeout is None else min(left, timeout)

    def count(self, size: int) -> None:
        """Count bytes that came.

        Raises:
            TooMuchError: They are too many.
        """
        self.answered = self.answered or time.monotonic()
        self.received += size
        if self.received > self.most:
            raise TooMuchError("headers" if self.most == self.limits.headers else "an answer", self.most)

    def body(self, answer: httpx.Response, most: int) -> bytes:
        """The unpacked body of the answer, of at most so many bytes.

        Raises:
            TooMuchError: It has more.
            GarbledError: It cannot be unpacked.
        """
        if answer.is_stream_consumed:  # it did not come over the network
            return answer.content
        self.most = 2 * most + self.limits.headers  # with the marks of its chunks
        packing = (answer.headers.get("content-encoding") or "").strip().lower()
        if packing in ("", "identity"):
            return _joined(answer.iter_raw(), most)
        if packing not in ("gzip", "x-gzip"):
            raise GarbledError(f"it is packed as {packing[:40]!r}, which was not asked for")
        return _joined(_unpacked(answer.iter_raw(), most), most)


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextlib.contextmanager
def watching(limits: Limits, *, is_writing: bool = False) -> Iterator[Watch]:
    """Apply the limits of one request to what this thread receives."""
    watch = Watch(limits, limits.patience * (limits.writing if is_writing else 1))
    token = _watch.set(watch)
    try:
        yield watch
    finally:
        _watch.reset(token)


class WatchedTransport(httpx.HTTPTransport):
    """httpx's transport, on connections whose bytes are counted."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # httpcore takes a backend for this, but httpx cannot pass one (docs/decisions.md)
        backend = self._pool._network_backend
        self._pool._network_backend = _Backend(backend)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        return _Stream(self._backend.connect_tcp(*args, **options))

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        watch = _watch.get()
        if watch is None:
            return self._stream.read(max_bytes, timeout)
        data = self._stream.read(max_bytes, watch.left(timeout))
        watch.count(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        watch = _watch.get()
        for start in range(0, len(buffer), SLICE):
            self._stream.write(buffer[start : start + SLICE], watch.left(timeout) if watch else timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(*args, **options))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _joined(pieces: Iterable[bytes], most: int) -> bytes:
    found: list[bytes] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > most:
            raise TooMuchError("an answer", most)
        found.append(piece)
    return b"".join(found)


def _unpacked(pieces: Iterable[bytes], most: int) -> Iterator[bytes]:
    """The unpacked pieces of gzip's output; at most one byte more than allowed."""
    packed = zlib.decompressobj(wbits=31)
    size = 0
    try:
        for piece in pieces:
            found = packed.decompress(piece, most - size + 1)
            size += len(found)
            yield found
    except zlib.error as error:
        raise GarbledError("it says that it is packed by gzip, and is not") from error
    if not packed.eof:
        raise GarbledError("the end of what gzip packed is missing")
