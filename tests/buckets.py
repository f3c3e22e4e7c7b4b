"""A bucket on a real S3 server, seen apart from our own code."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import httpx

ACCESS_KEY, SECRET_KEY = "labeling-tests", "the-secret-key-of-the-tests"


class Bucket:
    """The bucket `s3://news`, empty at first."""

    def __init__(self, server: str) -> None:
        import boto3

        self.server = server
        httpx.post(f"{server}/moto-api/reset").raise_for_status()
        self.s3 = boto3.client("s3", endpoint_url=server)
        self.s3.create_bucket(Bucket="news")

    def put(self, name: str, content: bytes | str) -> str:
        """An object, and its address."""
        self.s3.put_object(Bucket="news", Key=name, Body=content.encode() if isinstance(content, str) else content)
        return f"s3://news/{name}"

    def get(self, prefix: str = "") -> dict[str, bytes]:
        """The objects under a prefix, by what follows it."""
        found = self.s3.list_objects_v2(Bucket="news", Prefix=prefix).get("Contents", ())
        keys = [each["Key"] for each in found]
        return {key.removeprefix(prefix): self.s3.get_object(Bucket="news", Key=key)["Body"].read() for key in keys}

    def put_many(self, names: Iterable[str]) -> None:
        """Objects that hold their names."""
        from moto.s3.models import s3_backends

        backend = s3_backends["123456789012"]["aws"]  # of the server, which is in this process
        for name in names:
            backend.put_object("news", name, name.encode())

    @contextmanager
    def listening(self) -> Iterator[list[str]]:
        """The requests to the server, each as `GET /news/a.json?…`, which are there afterwards."""
        asked: list[str] = []
        recorder = f"{self.server}/moto-api/recorder"
        httpx.post(f"{recorder}/reset-recording").raise_for_status()
        httpx.post(f"{recorder}/start-recording").raise_for_status()
        yield asked
        httpx.post(f"{recorder}/stop-recording").raise_for_status()
        for line in httpx.get(f"{recorder}/download-recording").text.splitlines():
            request = json.loads(line)
            asked.append(f"{request['method']} {request['url'].removeprefix(self.server)}")

    def refuse_all(self) -> Callable[[], object]:
        """Refuse everything from now on, until what this returns is called."""
        address = f"{self.server}/moto-api/reset-auth"
        httpx.post(address, content=b"0").raise_for_status()
        return lambda: httpx.post(address, content=b"inf")
