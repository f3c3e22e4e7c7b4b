"""A real PostgreSQL, which the tests start and stop."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

CI = os.environ.get("CI") == "true"


class Cluster:
    """A PostgreSQL on 127.0.0.1, with one user who owns what the tests make."""

    user = "labeling"

    def __init__(self, folder: Path, programs: Path, port: int) -> None:
        self.folder, self.programs, self.port = folder, programs, port
        self.password = f"p@ss/w:rd%{secrets.token_hex(8)}"  # with everything that a URL has to quote
        self.admin = secrets.token_hex(8)

    def run(self, program: str, *arguments: str) -> None:
        """A program of PostgreSQL, which refuses to be run by root."""
        whose: dict[str, Any] = {}
        if os.geteuid() == 0:
            owner = self.owner()
            whose = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        with (self.folder / "stderr").open("w") as stderr:  # no pipe, which the server would keep open
            done = subprocess.run(
                [self.programs / program, *arguments],
                **whose,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                check=False,
            )
        assert done.returncode == 0, (self.folder / "stderr").read_text()

    @staticmethod
    def owner() -> pwd.struct_passwd:
        try:
            return pwd.getpwnam("postgres")
        except KeyError:
            return pwd.getpwnam("nobody")

    def connect(self, database: str = "postgres") -> Any:
        import psycopg

        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="postgres",
            password=self.admin,
            dbname=database,
            autocommit=True,
        )

    def create(self, name: str, encoding: str = "UTF8") -> str:
        """The URL of a new database, with the password."""
        from psycopg import sql

        query = sql.SQL("CREATE DATABASE {} OWNER {} ENCODING {} TEMPLATE template0 LOCALE 'C'")
        with self.connect() as admin:
            admin.execute(query.format(sql.Identifier(name), sql.Identifier(self.user), sql.Literal(encoding)))
        return self.url(name)

    def url(self, name: str, password: str | None = None) -> str:
        secret = self.password if password is None else password
        return f"postgresql://{self.user}:{quote(secret, safe='')}@127.0.0.1:{self.port}/{name}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A running PostgreSQL; skipped by name where it is not installed, never in CI."""
    sql = pytest.importorskip("psycopg.sql", reason="psycopg is not installed: pip install -e '.[server]'")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[4]))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        if CI:
            pytest.fail("there is no PostgreSQL: apt-get install postgresql")
        pytest.skip("there is no PostgreSQL: apt-get install postgresql")
    programs = found[-1].parent if found else Path(str(on_path)).resolve().parent
    folder = Path(tempfile.mkdtemp(prefix="labeling-postgres-"))  # not among pytest's, where only we may go
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    cluster = Cluster(folder, programs, port)
    try:
        (folder / "password").write_text(cluster.admin)
        if os.geteuid() == 0:
            for path in (folder, folder / "password"):
                os.chown(path, cluster.owner().pw_uid, cluster.owner().pw_gid)
        login = ("-U", "postgres", "-A", "scram-sha-256", "--pwfile=password")
        cluster.run("initdb", "-D", "data", *login, "-E", "UTF8", "--locale=C", "--no-sync")
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off"
        cluster.run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")
        with cluster.connect() as admin:
            query = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
            admin.execute(query.format(sql.Identifier(cluster.user), sql.Literal(cluster.password)))
        yield cluster
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            cluster.run("pg_ctl", "-D", "data", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)
