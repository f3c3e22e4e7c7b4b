"""Files at addresses: object stores, the web, HDFS, whatever fsspec reads; each is told of by name, without secrets.

Everything here raises a StorageError, which is an OSError whose text is a sentence for the user.
"""

import contextlib
import logging
import posixpath
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast
from urllib.parse import unquote, urlsplit

from labeling import secrets

# The scheme of an address → the extra that reads it.
EXTRAS = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gs",
    "gcs": "gs",
    "az": "az",
    "abfs": "az",
    "abfss": "az",
    "http": "https",
    "https": "https",
    "hdfs": "parquet",
}
WEB = ("http", "https")
S3 = ("s3", "s3a")
# An object appears when it was sent as a whole; elsewhere a file is sent under another name first.
OBJECT_STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss")
# What a store says of a file, and which is another one after it changed.
MARKS = ("ETag", "etag", "generation", "LastModified", "last_modified", "Last-Modified", "mtime")
BLOCK = 8 << 20  # bytes of one request
# They log each attempt that fails, some with its traceback: what it comes to is told here, once.
for _store in ("adlfs", "azure", "fsspec", "gcsfs", "google", "s3fs"):
    logging.getLogger(_store).addHandler(logging.NullHandler())
SIGNATURE = 16  # characters: so long a value in the query of a web address may be one
REFUSED = "access is refused: check the credentials, and what they allow"
CHANGED = "it changed while it was read. Run the same command again"


class StorageError(OSError):
    """A file at an address cannot be read or written."""


class Entry(NamedTuple):
    """A file or a folder at an address; the size is in bytes, 0 if it is not known; `mark` is as `mark` gives it."""

    url: str
    size: int
    is_folder: bool
    mark: str = ""


def is_address(path: object) -> bool:
    """Whether this is an address such as `s3://bucket/a.json` rather than a path."""
    return "://" in str(path)


def local_path(address: str) -> str:
    """The path that a `file://` address names; "" for other addresses."""
    scheme, _, rest = address.partition("://")
    return unquote(rest) if scheme == "file" else ""


def folder_of(address: str) -> str:
    """The address of a folder, without the `/` at its end."""
    _check_bucket(address)
    return address.rstrip("/")


def _check_bucket(address: str) -> None:
    if not address.partition("://")[2].strip("/"):
        raise StorageError("it names no bucket")


def name_of(address: str) -> str:
    """The last part of an address, whose ending says what the file may be."""
    path = urlsplit(address).path if _scheme(address) in WEB else address
    return posixpath.basename(path)


def entry(address: str) -> Entry:
    """What is at an address. A web address is not asked before it is read."""
    if _scheme(address) in WEB:
        return Entry(address, 0, is_folder=False)
    with _told(address):
        system, path = _system(address)
        return _entry(address, system.info(path))


def mark(address: str) -> str:
    """What is another text after a file changed; "" if its server does not tell."""
    with _told(address):
        system, path = _system(address)
        return _mark(system.info(path))


def matching(pattern: str) -> Iterator[Entry]:
    """What matches a pattern with `*`, `?`, `[…]` or `**`, in the order of the names.

    As on a disk, a name that begins with a dot is matched only by a pattern with such a name.
    """
    folder = re.split(r"[*?\[]", pattern, maxsplit=1)[0].rpartition("/")[0]
    if not folder.partition("://")[2]:
        raise StorageError("a pattern does not stand for a bucket; name it")
    with _told(pattern):
        system, path = _system(pattern)
        start = _system(folder)[1].rstrip("/")
        found = system.glob(path, detail=True)
    for name in sorted(found):
        rest = name.removeprefix(start)
        if "/." in pattern or "/." not in rest:
            yield _entry(folder + rest, found[name])


def walk(folder: str) -> Iterator[Entry]:
    """The files in a folder and its subfolders, in no order.

    S3 lists a thousand at a time; of other stores, what they list of one folder is in memory.
    """
    with _told(folder):
        system, path = _system(folder)
        start = path.rstrip("/")
        lists = iter(_pages(system, path) if _scheme(folder) in S3 else _folders(system, path))
    while True:
        with _told(folder):
            found = next(lists, None)
        if found is None:
            return
        for each in found:
            name = each["name"].removeprefix(start)
            if name.strip("/"):  # some stores list a folder as an empty file in it
                yield _entry(folder.rstrip("/") + name, each)


def _folders(system: Any, path: str) -> Iterator[Iterable[Mapping[str, Any]]]:
    return (files.values() for _, _, files in system.walk(path, detail=True))


def _pages(system: Any, path: str) -> Iterator[Iterable[Mapping[str, Any]]]:
    """What S3 has below a path, page by page; `walk` and `find` of fsspec bring it all at once."""
    bucket, key, _ = system.split_path(path)
    next_page: dict[str, Any] = {}
    while True:
        page = system.call_s3(
            "list_objects_v2", Bucket=bucket, Prefix=f"{key.rstrip('/')}/".lstrip("/"), **system.req_kw, **next_page
        )
        yield [
            {**each, "name": f"{bucket}/{each['Key']}", "size": each["Size"]}
            for each in page.get("Contents", ())
            if not each["Key"].endswith("/")
        ]
        if not page.get("IsTruncated"):
            return
        next_page = {"ContinuationToken": page["NextContinuationToken"]}


@contextlib.contextmanager
def opened(address: str) -> Iterator[BinaryIO]:
    """The bytes of a file, to be read once from the first to the last; at the end, it must be the same file still."""
    with _told(address):
        system, path = _system(address)
        stream = system.open(path, "rb", block_size=BLOCK, cache_type="readahead")
        before = getattr(stream, "details", None) or {}
        before = before if before.get("size") else system.info(path)
    try:
        yield cast("BinaryIO", _Reading(address, system, path, before, stream))
    finally:
        with contextlib.suppress(Exception):
            stream.close()


def read(address: str) -> bytes | None:
    """The bytes of a small file; None if there is none."""
    try:
        with _told(address):
            system, path = _system(address)
            return bytes(system.cat_file(path))
    except StorageError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise


def sizes(folder: str) -> dict[str, int]:
    """The files in a folder and its subfolders, by their paths within it, with their sizes in bytes; it may be gone."""
    start = folder.rstrip("/") + "/"
    try:
        return {each.url.removeprefix(start): each.size for each in walk(folder)}
    except StorageError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return {}
        raise


def remove(address: str) -> None:
    """Remove a file, which may be gone."""
    try:
        with _told(address):
            system, path = _system(address)
            system.rm_file(path)
    except StorageError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise


def check_output(address: str) -> None:
    """Check what can be known before there is anything to write: the bucket, the server, credentials, the program.

    Whether writing is allowed cannot be: who may write need not be allowed to look.
    """
    if _scheme(address) in WEB:
        raise StorageError("the web is only read; name a folder, or an object store")
    try:
        with _told(address):
            system, path = _system(address)
            if _scheme(address) in OBJECT_STORES:
                system.info(path.lstrip("/").partition("/")[0])
    except StorageError as error:
        if str(error) != REFUSED:
            raise


def send(file: Path, address: str) -> None:
    """Write a local file to an address; it appears there as a whole, in place of an older one."""
    with _told(address):
        system, path = _system(address)
        if _scheme(address) in OBJECT_STORES:
            system.put_file(str(file), path)
            return
        system.makedirs(posixpath.dirname(path), exist_ok=True)
        system.put_file(str(file), f"{path}.partial")
        if system.exists(path):
            system.rm_file(path)
        system.mv(f"{path}.partial", path)


@contextlib.contextmanager
def writing_to(address: str) -> Iterator[BinaryIO]:
    """A file to write to, which is at the address when it is whole; after an error, an older one stays.

    Until then, it is in the folder for temporary files.
    """
    check_output(address)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "file"
        with file.open("w+b") as stream:
            yield stream
        send(file, address)


class _Reading:
    """The stream of a file that must not change meanwhile."""

    def __init__(self, address: str, system: Any, path: str, before: Mapping[str, Any], stream: Any) -> None:
        self._address, self._system, self._path, self._stream = address, system, path, stream
        self._before = before
        self._left = before.get("size")
        self._is_over = False

    def read(self, size: int = -1) -> bytes:
        with _told(self._address):
            data = bytes(self._stream.read(size))
            if self._left is not None:
                self._left -= len(data)
            if not data and not self._is_over:
                self._is_over = True
                self._check()
            return data

    def _check(self) -> None:
        if (self._before.get("size") or BLOCK + 1) > BLOCK:  # else one request has brought all of it
            self._system.invalidate_cache()
            after = self._system.info(self._path)
            if any(after.get(mark) != self._before.get(mark) for mark in ("size", *MARKS)):
                raise StorageError(CHANGED)
        if self._left:
            raise StorageError(f"{abs(self._left):,} bytes of it are {'missing' if self._left > 0 else 'too many'}")


def _scheme(address: str) -> str:
    return address.partition("://")[0].lower()


def _system(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it."""
    from fsspec.core import url_to_fs

    _check_bucket(address)
    secrets.keep_in_url(address)
    if _scheme(address) in WEB:
        for part in urlsplit(address).query.split("&"):
            value = part.partition("=")[2]
            if len(value) >= SIGNATURE:
                secrets.keep(unquote(value))
    system, path = url_to_fs(address, use_listings_cache=False)
    return system, str(path)


def _entry(address: str, found: Mapping[str, Any]) -> Entry:
    return Entry(address, int(found.get("size") or 0), found.get("type") == "directory", _mark(found))


def _mark(found: Mapping[str, Any]) -> str:
    return next((str(found[name]) for name in MARKS if found.get(name)), "")


@contextlib.contextmanager
def _told(address: str) -> Iterator[None]:
    """Raise a StorageError, whatever the store's own libraries raise."""
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        raise StorageError(_why(error, address)) from error


def _why(error: BaseException, address: str) -> str:
    """What happened, as a sentence without its full stop; nothing of the store's own text, which may repeat secrets."""
    causes = [error]
    while (cause := causes[-1].__cause__) and cause not in causes:
        causes.append(cause)
    scheme = _scheme(address)
    for each in reversed(causes):  # a file "is not found" where nothing answers
        for is_it, words in WHY:
            if is_it(each):
                return words.format(scheme=scheme) or _what_is_missing(scheme)
    if isinstance(error, FileNotFoundError) or _status(causes[-1]) == 404:
        return "there is no such file, folder or bucket"
    if isinstance(error, OSError) and error.strerror and "://" not in error.strerror:
        return secrets.hidden(error.strerror.rstrip("."))
    status = _status(causes[-1])
    return f"its server answered with {status}" if status else f"it failed ({type(error).__name__})"


def _status(error: BaseException) -> int:
    """The status of HTTP that the server answered with, by the names that aiohttp, Google and Azure have for it."""
    found = (getattr(error, name, None) for name in ("status", "code", "status_code"))
    return next((status for status in found if isinstance(status, int)), 0)


def _is_called(pattern: str) -> Callable[[BaseException], bool]:
    return lambda error: bool(re.search(pattern, type(error).__name__))


# Which error → what it means; the stores' libraries, which may not be installed, have their own classes.
WHY: tuple[tuple[Callable[[BaseException], bool], str], ...] = (
    (lambda error: isinstance(error, ImportError) or "Protocol not known" in str(error), ""),
    (
        lambda error: isinstance(error, OSError) and bool(re.search("libjvm|libhdfs", str(error))),
        "{scheme}:// cannot be used: it needs Java and Hadoop's libhdfs, which JAVA_HOME and HADOOP_HOME have to name",
    ),
    (_is_called("FileExpired"), CHANGED),
    (
        lambda error: (
            _is_called("Credential|ProfileNotFound|ClientAuthenticationError|RefreshError")(error)
            or (isinstance(error, ValueError) and bool(re.search("connection.string|credential", str(error), re.I)))
        ),
        "there are no usable credentials for {scheme}:// (docs/storage.md says where they are looked for)",
    ),
    (
        lambda error: (
            isinstance(error, PermissionError)
            or _status(error) in (401, 403)
            or (isinstance(error, OSError) and str(error).startswith("Forbidden"))  # gcsfs
        ),
        REFUSED,
    ),
    (_is_called("ParamValidation|InvalidURL"), "this is no address of a file in {scheme}://"),
    (
        lambda error: (
            isinstance(error, TimeoutError | ConnectionError)
            or _is_called("Connect|Disconnect|Timeout|DNS|Payload")(error)
        ),
        "its server does not answer, or broke off: check the address and the network",
    ),
)


def _what_is_missing(scheme: str) -> str:
    from labeling.distribution import install

    extra = EXTRAS.get(scheme)
    how = f"install what reads it: {install(extra)}" if extra else "nothing that is installed reads such addresses"
    return f"{scheme}:// cannot be used: {how}"
