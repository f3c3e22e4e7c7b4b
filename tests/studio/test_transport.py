"""The token goes to one server only, over TLS that is verified."""

import datetime
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import jwt
import pytest
from pydantic import SecretStr

from labeling.errors import InputError, StudioError
from labeling.settings import init, open_workspace
from labeling.studio.client import Studio
from labeling.studio.connection import Connection
from labeling.studio.transport import open_transport

TOKEN = SecretStr("0123456789abcdef0123456789abcdef01234567")
PERSONAL = SecretStr(jwt.encode({"token_type": "refresh", "exp": 4_000_000_000}, "a key of thirty-two bytes at least"))
ME = {"id": 1, "email": "me@example.org", "first_name": "", "last_name": ""}


class Recorder(ThreadingHTTPServer):
    """A server that writes down every request, and redirects them where it is told to."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[str] = []
        self.elsewhere = ""
        self.code = 307
        self.scheme = "https" if context else "http"
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def url(self, host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A handshake that the client broke off."""


class Handler(BaseHTTPRequestHandler):
    server: Recorder

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.server.requests.append(f"{self.command} {self.path}\n{self.headers}\n{body}")
        if self.server.elsewhere:
            self.send_response(self.server.code)
            self.send_header("Location", self.server.elsewhere + self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        answer = json.dumps({"access": "x"} if "token/refresh" in self.path else ME).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET  # noqa: N815 - the name that http.server looks for

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Callable[..., Recorder]]:
    started: list[Recorder] = []

    def start(context: ssl.SSLContext | None = None) -> Recorder:
        started.append(Recorder(context))
        return started[-1]

    yield start
    for one in started:
        one.shutdown()
        one.server_close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """The file of a CA that nobody knows, and a server's context with a certificate of it for 127.0.0.1."""
    pytest.importorskip("cryptography", reason="cryptography is not installed: pip install -e '.[server]'")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    folder = tmp_path_factory.mktemp("ca")
    now = datetime.datetime.now(datetime.UTC)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) for name in ("Our CA", "127.0.0.1")]

    def certificate(which: int) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(names[which])
            .issuer_name(names[0])
            .public_key(keys[which].public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=which == 0, path_length=None), critical=True)
        )

    ca = certificate(0).sign(keys[0], hashes.SHA256())
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    leaf = certificate(1).add_extension(address, critical=False).sign(keys[0], hashes.SHA256())
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain = keys[1].private_bytes(*form) + leaf.public_bytes(serialization.Encoding.PEM)
    (folder / "server.pem").write_bytes(chain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return folder / "ca.pem", context


def refused(server: Recorder, token: SecretStr = TOKEN, ca: Path | None = None) -> StudioError:
    with pytest.raises(StudioError) as caught, Studio(Connection(server.url(), token, ca)) as studio:
        studio.user()
    said = caught.value.message + caught.value.hint
    assert TOKEN.get_secret_value() not in said
    assert PERSONAL.get_secret_value() not in said
    return caught.value


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("token", [TOKEN, PERSONAL], ids=["legacy", "personal"])
def test_redirect_to_another_server_is_not_followed(
    serve: Callable[..., Recorder], code: int, token: SecretStr
) -> None:
    """Neither with the header of a legacy token nor with the body in which a personal one is renewed."""
    ours, theirs = serve(), serve()
    ours.elsewhere, ours.code = theirs.url(), code
    error = refused(ours, token)
    assert f"redirects to {theirs.url()}" in error.message
    assert theirs.url() in error.hint
    assert ours.requests
    assert theirs.requests == []


def test_redirect_to_another_name_of_the_host_is_not_followed(serve: Callable[..., Recorder]) -> None:
    ours = serve()
    ours.elsewhere = ours.url("localhost")
    assert "redirects to" in refused(ours).message
    assert len(ours.requests) == 1


def test_redirect_from_https_to_http_is_not_followed(
    serve: Callable[..., Recorder], authority: tuple[Path, ssl.SSLContext]
) -> None:
    ca, context = authority
    secure, plain = serve(context), serve()
    secure.elsewhere = plain.url()
    assert "redirects to http://" in refused(secure, ca=ca).message
    assert plain.requests == []


def test_redirect_within_the_server_is_followed(serve: Callable[..., Recorder]) -> None:
    ours = serve()
    with open_transport(ours.url()) as client:
        ours.elsewhere = ours.url() + "/more"
        answer = client.get(f"{ours.url()}/api", headers={"Authorization": "Token x"}, follow_redirects=False)
        assert answer.status_code == 307
        ours.elsewhere = ""
        assert client.send(answer.next_request).json() == ME
    assert "authorization: token x" in ours.requests[1].lower()


def test_certificate_of_an_unknown_authority_is_refused(
    serve: Callable[..., Recorder], authority: tuple[Path, ssl.SSLContext]
) -> None:
    secure = serve(authority[1])
    error = refused(secure)
    assert "is not trusted" in error.message
    assert "LABELING_CA" in error.hint
    assert secure.requests == []


def test_certificate_for_another_name_is_refused(
    serve: Callable[..., Recorder], authority: tuple[Path, ssl.SSLContext]
) -> None:
    ca, context = authority
    secure = serve(context)
    with (
        pytest.raises(StudioError, match="is not trusted"),
        Studio(Connection(secure.url("localhost"), TOKEN, ca)) as studio,
    ):
        studio.user()
    assert secure.requests == []


@pytest.mark.parametrize("way", ["setting", "environment", "SSL_CERT_FILE"])
def test_own_authority_is_trusted(
    way: str,
    serve: Callable[..., Recorder],
    authority: tuple[Path, ssl.SSLContext],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ca, context = authority
    secure = serve(context)
    init(tmp_path)
    (tmp_path / "ca.pem").write_bytes(ca.read_bytes())
    if way == "setting":
        settings = (tmp_path / "labeling.toml").read_text()
        (tmp_path / "labeling.toml").write_text(f'{settings}\n[studio]\nca = "ca.pem"\n')
    else:
        monkeypatch.setenv({"environment": "LABELING_CA"}.get(way, way), str(ca))
    with Studio(Connection(secure.url(), TOKEN, open_workspace(tmp_path).studio_ca)) as studio:
        assert studio.user() == "me@example.org"


@pytest.mark.parametrize("way", ["argument", "SSL_CERT_FILE"])
def test_authority_that_cannot_be_read_says_so(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "none.pem"
    if way == "SSL_CERT_FILE":
        monkeypatch.setenv(way, str(file))
    with pytest.raises(InputError, match="certificates"):
        Studio(Connection("https://label-studio.example.org", TOKEN, file if way == "argument" else None))
    file.write_text("no certificate")
    with pytest.raises(InputError, match="certificates"):
        Studio(Connection("https://label-studio.example.org", TOKEN, file if way == "argument" else None))


def test_proxy_of_the_environment_never_sees_the_embedded_server(
    serve: Callable[..., Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, proxy = serve(), serve()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url())
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Studio(Connection(ours.url(), TOKEN)) as studio:
        assert studio.user() == "me@example.org"
    assert proxy.requests == []
    with httpx.Client() as plain:  # which it would without our care
        plain.get(ours.url())
    assert len(proxy.requests) == 1
