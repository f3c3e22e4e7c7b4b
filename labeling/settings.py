"""A workspace: the folder that someone works in, with its settings.

Options of the command override the environment, which overrides `labeling.toml`.
"""

import json
import os
import tomllib
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError

from labeling.core.faults import faults
from labeling.core.order import Order
from labeling.core.overlap import Overlap
from labeling.core.parsing import parse_json, parse_toml
from labeling.core.prefill import WithoutPrefill
from labeling.core.schema import LabelSchema
from labeling.core.sections import SectionLimits
from labeling.core.split import Split
from labeling.core.value import Value
from labeling.engine import Engine, EngineSettings, engine_of
from labeling.errors import InputError
from labeling.files import json_text, read_text, write_atomic
from labeling.promoted import Promoted, read_promoted
from labeling.resources import resource
from labeling.secrets import keep, keep_in_url

ADDRESS = r"^(https?://[^/]+/?)?$"  # or ""
ADDRESS_IN_WORDS = "should be an address without a path, as in https://labels.example.org"
FILE = "labeling.toml"
MODEL = "en_core_web_sm"
# Names of this machine, on which a port belongs to one server.
LOOPBACK = frozenset({"localhost", "::1", "0:0:0:0:0:0:0:1", "0.0.0.0", "::"})  # noqa: S104 - not to listen at
EMBEDDED = "embedded"  # the server whose port may change, so that its URL does not identify it

TEMPLATE = """\
# The settings of this workspace. docs/settings.md explains them.

title = {title}
schema = {schema}            # schemas/<name>.toml
model = {model}    # a spaCy package, or the folder of a trained model

# Shares of the documents that are not trained on, in per cent.
[split]
dev = {dev}
test = {test}
# by = "text"               # or "source", or "published": the newest are test

# A longer article, or one with more predicted spans, becomes several tasks, so that its page stays fast; 0: never.
[articles]
task_characters = 8000
task_spans = 200

# The embedded Label Studio; or one that runs elsewhere, whose token belongs into the variable LABEL_STUDIO_API_KEY, not
# into this file.
# [studio]
# port = 8080               # of the embedded one; without it that of its last start
# url = "https://label-studio.example.org"
# project = 1
# order = "uncertain"       # or "sequential", or "random": which task comes next
# overlap = "10%"           # this share of the tasks goes to two people; 2 sends each task to two
# without_prefill = "10%"   # this share of the articles is labelled from an empty page

# Where articles are annotated and exports converted: on this machine, or on a Ray cluster.
# [engine]
# kind = "ray"              # or "local"
# address = "ray://head:10001"    # without it, a Ray on this machine
# workers = 16              # without it, one a core
"""


class StudioSettings(Value):
    """The Label Studio to use: the one with this URL, else the embedded one, on this port if it is free."""

    url: str = ""
    project: int | None = None
    port: int | None = Field(default=None, ge=1, le=65535)
    timeout: float = Field(default=120.0, ge=1, le=3600)  # seconds until a response begins
    ca: str = ""  # certificates (PEM) to trust instead of the public ones
    public_url: str = Field(default="", pattern=ADDRESS)  # of a proxy in front of the embedded one
    order: Order | None = None  # of the tasks; None is "uncertain" for a new project, and leaves another as it is
    overlap: Overlap | None = None  # how many people annotate each task; None leaves the project as it is
    without_prefill: WithoutPrefill = WithoutPrefill()  # the articles that annotators start from an empty page


class ArticlesSettings(Value):
    """The articles to accept: one with more characters (code points) is refused.

    The longest agency reports have some 100,000. A file with millions is usually a whole corpus, and nobody labels a
    page of that size.

    A longer one than `task_characters`, or one with more than `task_spans` predicted spans, becomes several tasks, its
    sections; 0 is no limit. `labeling init` writes limits into new workspaces; in others articles stay whole.
    """

    max_characters: int = Field(default=3_000_000, ge=1)
    task_characters: int = Field(default=0, ge=0)
    task_spans: int = Field(default=0, ge=0)

    @property
    def sections(self) -> SectionLimits:
        """How large a section may be."""
        return SectionLimits(characters=self.task_characters, spans=self.task_spans)


class Settings(Value):
    """The content of `labeling.toml`."""

    title: str = Field(default="", max_length=50)
    schema_name: str = Field(default="event", alias="schema")
    model: str = MODEL
    split: Split = Split()
    articles: ArticlesSettings = ArticlesSettings()
    studio: StudioSettings = StudioSettings()
    engine: EngineSettings = EngineSettings()


class Workspace(Value):
    """A folder with its settings, its schema and the state that `labeling` keeps in `.labeling/`.

    `named_model` is the model that the command's `--model` names.
    """

    folder: Path
    settings: Settings
    api_key: SecretStr | None = None
    named_model: str | None = None

    @property
    def state(self) -> Path:
        """The folder of the state, which is not for editing."""
        return self.folder / ".labeling"

    @property
    def studio_folder(self) -> Path:
        """The folder of the embedded Label Studio."""
        return self.state / "studio"

    @property
    def studio_ca(self) -> Path | None:
        """The certificates to trust instead of the public ones; a relative path starts at the workspace."""
        return self.folder / Path(self.settings.studio.ca).expanduser() if self.settings.studio.ca else None

    @property
    def exports(self) -> Path:
        """The default folder for training files."""
        return self.folder / "exports"

    @cached_property
    def promoted(self) -> Promoted | None:
        """The promoted model; None if there is none.

        Raises:
            InputError: The record of it cannot be read.
        """
        return read_promoted(self.state)

    @property
    def uses_promoted(self) -> bool:
        """Whether the promoted model is used: as long as labeling.toml has the `model` that it was promoted over.

        Raises:
            InputError: The record of it cannot be read.
        """
        return self.promoted is not None and self.promoted.instead_of == self.settings.model

    @property
    def model(self) -> str:
        """The model that pre-annotates: the one that an option names, else the promoted one, else labeling.toml's.

        Raises:
            InputError: The promoted one is gone, or the record of it cannot be read.
        """
        if self.named_model is None and self.promoted and self.uses_promoted:
            return self.promoted.path(self.folder)
        return self.named_model or self.settings.model

    def engine(self, workers: int | None = None) -> Engine:
        """What work runs on that several processes share; `workers` overrides the settings' number."""
        return engine_of(self.settings.engine, workers)

    @property
    def title(self) -> str:
        """The title of the project."""
        return self.settings.title or self.label_schema.title

    @cached_property
    def label_schema(self) -> LabelSchema:
        """The workspace's schema.

        Raises:
            InputError: There is none with its name.
            SchemaError: It has problems.
        """
        return read_schema(schema_file(self.settings.schema_name, self.folder))

    @property
    def server(self) -> str:
        """The identity of the Label Studio, however its URL is spelt; `embedded` for the workspace's own."""
        return server_identity(self.settings.studio.url) or EMBEDDED

    @property
    def server_spellings(self) -> tuple[str, ...]:
        """The URLs of the server as spelt in this workspace; older versions named files after them."""
        said = (self.settings.studio.url, *self._projects())
        same = (url for url in said if url not in {"", EMBEDDED} and server_identity(url) == self.server)
        return tuple(dict.fromkeys(same))

    @property
    def is_initialised(self) -> bool:
        """Whether the folder has a labeling.toml."""
        return (self.folder / FILE).is_file()

    def remembered_project(self) -> int | None:
        """The number of the project that this workspace created on its Label Studio; None if there is none."""
        projects = self._projects()
        said = self.settings.studio.url
        # Older versions treated each spelling as a server of its own, so there may be a project for each.
        spelt_so = next((url for url in projects if url == said), None)
        found = (url for url in projects if server_identity(url) == self.server)
        return projects.get(spelt_so or next(found, ""))

    def remember_project(self, project_id: int) -> None:
        """Store the project's number for later commands."""
        others = {url: number for url, number in self._projects().items() if server_identity(url) != self.server}
        write_atomic(self.state / "projects.json", json_text(others | {self.server: project_id}))

    def _projects(self) -> dict[str, int]:
        file = self.state / "projects.json"
        try:
            found = parse_json(file.read_text(encoding="utf-8")) if file.exists() else {}
        except (OSError, ValueError) as error:
            raise InputError(
                f"Cannot use {file}: {error}", "Remove it, and name the project with --project."
            ) from error
        return found if isinstance(found, dict) else {}


def open_workspace(folder: Path, **options: Any) -> Workspace:
    """The workspace in a folder; its file is overridden by the environment, and that by options that are not None.

    Options are `url`, `project`, `model`, `schema`, `engine`.

    Raises:
        InputError: labeling.toml is not valid TOML, or has invalid settings; every problem is named.
    """
    file = folder / FILE
    try:
        said: dict[str, Any] = parse_toml(read_text(file, "The settings")) if file.exists() else {}
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{file} is not valid TOML: {error}") from error
    studio = dict(said.get("studio") or {}) if isinstance(said.get("studio"), dict | None) else {}
    url = options.get("url", os.environ.get("LABEL_STUDIO_URL") or None)
    if url is not None and server_identity(url) == server_identity(str(studio.get("url") or "")):
        studio = studio | {"url": url}
    elif url is not None:
        studio = studio | {"url": url, "project": None}  # the number in the file is that of a project on another server
    if options.get("project") is not None:
        studio["project"] = options["project"]
    said |= {key: options[key] for key in ("model", "schema") if options.get(key) is not None}
    if options.get("engine") is not None and isinstance(said.get("engine"), dict | None):
        said["engine"] = (said.get("engine") or {}) | {"kind": options["engine"]}
    if ca := os.environ.get("LABELING_CA"):
        studio["ca"] = ca
    if isinstance(said.get("studio", {}), dict):
        said["studio"] = studio
    try:
        settings = Settings.model_validate(said)
    except ValidationError as error:
        lines = [f"  {fault}" for fault in faults(error, {ADDRESS: ADDRESS_IN_WORDS}, whole=FILE)]
        raise InputError(
            f"{file}: {len(lines)} problem(s)\n" + "\n".join(lines), "docs/settings.md explains them."
        ) from None
    key = os.environ.get("LABEL_STUDIO_API_KEY", "").strip()
    keep(key)
    keep_in_url(settings.studio.url)
    return Workspace(
        folder=folder,
        settings=settings,
        api_key=SecretStr(key) if key else None,
        named_model=options.get("model"),
    )


def server_identity(url: str) -> str:
    """One spelling for all URLs of a server, so that it is not taken for two servers; "" for no URL.

    >>> server_identity("HTTP://127.0.0.1:80/"), server_identity("http://localhost")
    ('http://localhost', 'http://localhost')
    """
    try:
        parts = urlsplit(url.strip())
        scheme, host, port = parts.scheme, (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return url.strip()  # connecting to it says what is wrong
    if host in LOOPBACK or host.startswith("127."):
        host = "localhost"
    if ":" in host:
        host = f"[{host}]"
    shown_port = "" if port in (None, {"http": 80, "https": 443}.get(scheme)) else f":{port}"
    path = "/".join(part for part in parts.path.split("/") if part)
    return f"{scheme}://{host}{shown_port}" + (f"/{path}" if path else "") if host else url.strip()


def schema_file(name: str, folder: Path) -> Path:
    """The file of a schema: a .toml file itself, else the workspace's schema of this name, else the shipped one.

    Raises:
        InputError: There is no such schema; the message lists the known ones.
    """
    if name.endswith(".toml") and Path(name).is_file():
        return Path(name)
    places = (folder / "schemas", resource("schemas"))
    for place in places:
        if (place / f"{name}.toml").is_file():
            return place / f"{name}.toml"
    known = sorted({file.stem for place in places for file in place.glob("*.toml")})
    raise InputError(f"There is no schema {name!r}.", f"There are: {', '.join(known)}; or name a .toml file.")


def read_schema(file: Path) -> LabelSchema:
    """The schema in a file.

    Raises:
        InputError: The file cannot be read.
        SchemaError: It has problems.
    """
    return LabelSchema.from_toml(read_text(file, "The schema"), where=str(file), folder=file.parent)


def init(
    folder: Path,
    *,
    title: str | None = None,
    schema: str = "event",
    split: Split | None = None,
    model: Callable[[str], str] = lambda _: MODEL,
) -> list[Path]:
    """Write labeling.toml and a copy of the schema, each unless it exists already; the files that were written.

    `model` gives the model for a language.

    Raises:
        InputError: The title does not fit Label Studio, the schema does not exist, or the folder cannot be written.
        SchemaError: The schema has problems.
    """
    source = schema_file(schema, folder)
    text = read_text(source, "The schema")
    found = LabelSchema.from_toml(text, where=str(source))
    title = title or found.title
    if not 3 <= len(title) <= 50:
        raise InputError(f"The title {title!r} has {len(title)} characters.", "Label Studio takes 3 to 50.")
    split = split or Split()
    settings = TEMPLATE.format(
        title=json.dumps(title, ensure_ascii=False),
        schema=json.dumps(source.stem),
        model=json.dumps(model(found.language)),
        dev=split.dev,
        test=split.test,
    )
    wanted = {folder / FILE: settings, folder / "schemas" / f"{source.stem}.toml": text}
    return [write_atomic(file, content) for file, content in wanted.items() if not file.exists()]
