"""The URL of a database, and databases that cannot be used."""

import stat
from pathlib import Path
from typing import Any

import pytest

from labeling.errors import InputError, StudioError
from labeling.studio import database
from labeling.studio.database import Postgres, Sqlite, parse_database, password_in, without_password
from labeling.studio.inspection import UnfitError


def parsed(url: str, **environment: str) -> Postgres:
    found = parse_database(url, Path("data"), environment)
    assert isinstance(found, Postgres)
    return found


@pytest.mark.parametrize("url", ["", "sqlite"])
def test_sqlite_is_the_file_in_the_data_folder(url: str, tmp_path: Path) -> None:
    found = parse_database(url, tmp_path)
    assert isinstance(found, Sqlite)
    assert found.file == tmp_path / "label_studio.sqlite3"
    assert found.url == "sqlite"


@pytest.mark.parametrize(
    ("url", "shown", "host", "port"),
    [
        ("postgresql://me@db.example.org/news", "postgresql://me@db.example.org:5432/news", "db.example.org", 5432),
        ("postgres://me:secret@localhost:6432/news", "postgresql://me@localhost:6432/news", "localhost", 6432),
        ("postgresql://me:secret@[::1]:6432/news", "postgresql://me@[::1]:6432/news", "::1", 6432),
        ("postgresql:///news", "postgresql:///news", "", 5432),
        (
            "postgresql:///news?host=/run/postgresql",
            "postgresql:///news?host=%2Frun%2Fpostgresql&port=5432",
            "/run/postgresql",
            5432,
        ),
        (
            "postgresql://a%40b:s%2Fe%3Ac%40r%25et@h/my%20news?sslmode=require",
            "postgresql://a%40b@h:5432/my%20news?sslmode=require",
            "h",
            5432,
        ),
    ],
)
def test_url_is_parsed_and_shown_without_its_password(url: str, shown: str, host: str, port: int) -> None:
    found = parsed(url)
    assert (found.shown, found.host, found.port) == (shown, host, port)
    assert parsed(found.url) == found
    assert parsed(found.shown).is_same(found)
    assert "secret" not in str(found) + repr(found)


def test_password_is_unquoted_and_may_come_from_the_environment() -> None:
    assert parsed("postgresql://me:s%2Fe%3Ac%40r%25et@h/n").password.get_secret_value() == "s/e:c@r%et"
    assert parsed("postgresql://me@h/n", PGPASSWORD="other").password.get_secret_value() == "other"
    assert parsed("postgresql://me:one@h/n", PGPASSWORD="other").password.get_secret_value() == "one"


def test_password_file_of_the_user_is_named_to_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PGPASSFILE", raising=False)
    assert "PGPASSFILE" not in parsed("postgresql://me@h/n").environment()
    (tmp_path / ".pgpass").touch(mode=0o600)
    assert parsed("postgresql://me@h/n").environment()["PGPASSFILE"] == str(tmp_path / ".pgpass")


def test_options_reach_libpq() -> None:
    said = parsed("postgresql://me@h/n?sslmode=verify-full&sslrootcert=/etc/ca.pem").environment()
    assert (said["PGSSLMODE"], said["PGSSLROOTCERT"]) == ("verify-full", "/etc/ca.pem")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://me:geheim@h/n", "not the URL of a PostgreSQL"),
        ("me:geheim", "not the URL of a PostgreSQL"),
        ("postgresql://me:geheim@h", "names no database"),
        ("postgresql://me:geheim@h/a/b", "names no database"),
        ("postgresql://me:geheim@h:x/n", "port"),
        ("postgresql://me:geheim@h/n?port=x", "port"),
        ("postgresql://me:geheim@h/n?passwort=x&y=1", "unknown options: passwort, y"),
    ],
)
def test_url_that_cannot_be_used_is_refused_without_its_password(url: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        parsed(url)
    assert "geheim" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("url", "without", "password"),
    [
        ("postgresql://me:se%40cret@h/n", "postgresql://me@h/n", "se@cret"),
        ("postgresql://me:s@cret@h/n?x=1", "postgresql://me@h/n?x=1", "s@cret"),
        ("postgresql://me@h/n", "postgresql://me@h/n", ""),
        ("sqlite", "sqlite", ""),
    ],
)
def test_password_is_taken_out_of_a_typed_url(url: str, without: str, password: str) -> None:
    assert without_password(url) == without
    assert password_in(url) == password


def test_tool_that_is_missing_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(database, "DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StudioError, match="pg_dump is not installed") as caught:
        parsed("postgresql://me@h/n").dump(tmp_path / "dump.sql")
    assert "postgresql-client" in caught.value.hint


# On a real PostgreSQL


def usable(url: str) -> Postgres:
    found = parsed(url)
    found.contents()
    return found


def test_real_cluster_needs_no_other_program_to_be_somebody_else(
    postgres: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL refuses to be run by root, and `runuser` is not on everybody's PATH."""
    monkeypatch.setenv("PATH", "/nowhere")
    postgres.run("pg_ctl", "-D", "data", "status")


def test_real_new_database_is_empty(postgres: Any) -> None:
    assert usable(postgres.create("new")).contents() == database.Contents()


@pytest.mark.parametrize(
    ("change", "said", "hint"),
    [
        ({"name": "none"}, 'database "none" does not exist', "createdb -E UTF8 -O labeling none"),
        ({"password": "wrong-secret"}, "password authentication failed", "LABELING_DATABASE"),
        ({"port": 1}, "refused", "PostgreSQL runs there"),
    ],
)
def test_real_database_that_cannot_be_reached(postgres: Any, change: dict[str, Any], said: str, hint: str) -> None:
    url = parsed(postgres.url("postgres")).model_copy(
        update={k: database.SecretStr(v) if k == "password" else v for k, v in change.items()}
    )
    with pytest.raises(StudioError, match=said) as caught:
        url.contents()
    assert hint in caught.value.hint
    everything = caught.value.message + caught.value.hint + str(caught.value.__cause__)
    assert postgres.password not in everything
    assert "wrong-secret" not in everything


def test_real_database_of_another_encoding_is_refused(postgres: Any) -> None:
    with pytest.raises(StudioError, match="encoding is LATIN1"):
        usable(postgres.create("latin", "LATIN1"))


def test_real_database_of_somebody_else_is_refused(postgres: Any) -> None:
    with pytest.raises(StudioError, match="may not make tables") as caught:
        usable(postgres.url("postgres"))
    assert "OWNER TO labeling" in caught.value.hint


def test_real_account_without_a_token_of_a_start_cut_off_is_removed(postgres: Any) -> None:
    import psycopg

    found = usable(postgres.create("half"))
    with psycopg.connect(found.url, autocommit=True) as connection:
        for statement in (
            "CREATE TABLE django_migrations (id int)",
            "CREATE TABLE organization (id int)",
            "CREATE TABLE htx_user (email text)",
            "CREATE TABLE authtoken_token (key text)",
            "INSERT INTO htx_user VALUES ('me')",
        ):
            connection.execute(statement)
        assert found.contents() == database.Contents(begun=True, accounts=frozenset({"me"}))
        found.heal("somebody else")
        assert found.contents().accounts == {"me"}
        found.heal("me")
        assert found.contents().accounts == set()
        connection.execute("INSERT INTO htx_user VALUES ('me')")
        connection.execute("INSERT INTO organization VALUES (1)")
        found.heal("me")
        assert found.contents() == database.Contents(begun=True, made=True, accounts=frozenset({"me"}))


def test_real_dump_is_private_and_put_back_exactly(postgres: Any, tmp_path: Path) -> None:
    import psycopg

    found = usable(postgres.create("dumped"))
    with psycopg.connect(found.url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pg_trgm")
        connection.execute("CREATE TYPE mood AS ENUM ('good', 'bad')")
        connection.execute("CREATE TABLE one (id serial PRIMARY KEY, text text, mood mood)")
        connection.execute("CREATE TABLE two (one_id int REFERENCES one)")
        connection.execute("INSERT INTO one (text, mood) VALUES ('Zoë 👩‍👩‍👧 \\ \n $$', 'good')")
        connection.execute("CREATE INDEX ON one USING gin (text gin_trgm_ops)")
    found.dump(tmp_path / "dump.sql")
    assert stat.S_IMODE((tmp_path / "dump.sql").stat().st_mode) == 0o600
    assert postgres.password not in (tmp_path / "dump.sql").read_text()
    with psycopg.connect(found.url, autocommit=True) as connection:
        connection.execute("DELETE FROM one")
        connection.execute("CREATE TABLE later (id serial, one_id int REFERENCES one)")
        connection.execute("CREATE VIEW seen AS SELECT * FROM later")
        connection.execute("CREATE MATERIALIZED VIEW kept AS SELECT * FROM later")
        connection.execute("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    found.load(tmp_path / "dump.sql")
    found.dump(tmp_path / "again.sql")
    assert lines(tmp_path / "dump.sql") == lines(tmp_path / "again.sql")


def test_real_dump_that_does_not_fit_changes_nothing(postgres: Any, tmp_path: Path) -> None:
    import psycopg

    found = usable(postgres.create("spared"))
    with psycopg.connect(found.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE one (id int)")
    (tmp_path / "dump.sql").write_text("CREATE TABLE fine (id int);\nCREATE TABEL wrong;\n")
    with pytest.raises(StudioError, match=r"cannot be put into .*spared") as caught:
        found.load(tmp_path / "dump.sql")
    assert "syntax error" in caught.value.message
    assert tables(found) == [("one",)]


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("\\! touch {evil}", StudioError),
        ("SELECT 1 \\g | touch {evil}", StudioError),
        ("COPY one TO PROGRAM 'touch {evil}';", StudioError),
        ("COMMIT;", UnfitError),
        ("  rollback work ;", UnfitError),
        ("end transaction;", UnfitError),
        ("/* */ COMMIT;", UnfitError),
    ],
)
def test_real_dump_that_somebody_changed_runs_nothing(
    postgres: Any, tmp_path: Path, sql: str, error: type[Exception], request: pytest.FixtureRequest
) -> None:
    import psycopg

    found = usable(postgres.create(f"forged_{abs(hash(request.node.name))}"))
    with psycopg.connect(found.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE one (id int)")
    evil = tmp_path / "evil"
    (tmp_path / "dump.sql").write_text(f"CREATE TABLE fine (id int);\n{sql.format(evil=evil)}\nSELECT 1;\n")
    with pytest.raises(error):
        found.load(tmp_path / "dump.sql")
    assert not evil.exists()
    if "/*" not in sql:  # which is noticed afterwards
        assert tables(found) == [("one",)]


def test_real_dump_whose_contents_are_refused_changes_nothing(postgres: Any, tmp_path: Path) -> None:
    import psycopg

    found = usable(postgres.create("refused"))
    with psycopg.connect(found.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE one (id int)")
    (tmp_path / "dump.sql").write_text(
        "CREATE TABLE public.two (id int);\nCOPY public.two (id) FROM stdin;\n7\n\\.\n\n"
    )

    def look(names: Any, query: Any) -> None:
        assert (list(names), query("SELECT id FROM two")) == (["two"], [(7,)])
        raise UnfitError("it is not what it should be")

    with pytest.raises(UnfitError):
        found.load(tmp_path / "dump.sql", look)
    assert tables(found) == [("one",)]


def tables(found: Postgres) -> list[tuple[str]]:
    import psycopg

    with psycopg.connect(found.url) as connection:
        return connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()


def lines(file: Path) -> list[str]:
    """The lines of a dump, without the random words by which newer versions guard it."""
    return [line for line in file.read_text().splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]
