"""Articles, exports and outputs at addresses: as on a disk, read once, and clear about what is wrong."""

import gzip
import io
import json
import threading
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import zstandard

from labeling import storage
from labeling.errors import InputError
from labeling.ingest import files
from labeling.settings import Workspace, init, open_workspace
from labeling.workflow import task_files
from labeling.workflow.export.commands import export_files
from labeling.workflow.task_files import annotate_files
from tests.buckets import SECRET_KEY, Bucket
from tests.builders import reviewed, seeds
from tests.ingest.reading import read

ARTICLES = [{"id": f"a{n}", "text": f"Rebels attacked {n} villages near Mosul."} for n in range(20)]
LINES = "".join(json.dumps(article) + "\n" for article in ARTICLES).encode()


def packed_as_parquet() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ARTICLES), stream, row_group_size=7)
    return stream.getvalue()


def packed_as_zip() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("inner/articles.jsonl", LINES)
    return stream.getvalue()


FORMATS = {
    "articles.jsonl": LINES,
    "articles.json": json.dumps(ARTICLES).encode(),
    "articles.jsonl.gz": gzip.compress(LINES),
    "articles.jsonl.zst": zstandard.compress(LINES),
    "articles.parquet": packed_as_parquet(),
    "articles.zip": packed_as_zip(),
    "articles.csv": ("id,text\n" + "".join(f"{a['id']},{a['text']}\n" for a in ARTICLES)).encode(),
}


class Web:
    """A web server on 127.0.0.1 that counts the bytes that it sends of each file."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.sent: Counter[str] = Counter()
        self.cut = 0
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.answer(is_head=True)

            def do_GET(self) -> None:
                self.answer(is_head=False)

            def answer(self, *, is_head: bool) -> None:
                name = self.path.partition("?")[0]
                if name == "/secret.jsonl":
                    self.send_error(403)
                    return
                if name not in web.files:
                    self.send_error(404)
                    return
                content = web.files[name]
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("ETag", f'"{sha256(content).hexdigest()}"')
                self.end_headers()
                if not is_head:
                    content = content[: web.cut] if web.cut else content
                    web.sent[name] += len(content)
                    self.wfile.write(content)
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def web() -> Iterator[Web]:
    served = Web()
    yield served
    served.server.shutdown()
    served.server.server_close()


@pytest.fixture
def here(tmp_path: Path) -> Workspace:
    init(tmp_path / "workspace", title="Annotated")
    return open_workspace(tmp_path / "workspace")


def ids(*addresses: str) -> list[str]:
    return [article.doc_id for article in read(*addresses)[0]]


@pytest.mark.parametrize("name", FORMATS)
def test_articles_at_an_address_are_those_of_the_file(bucket: Bucket, web: Web, tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(FORMATS[name])
    local, problems = read(tmp_path / name)
    assert len(local) == len(ARTICLES) and not problems
    web.files[f"/{name}"] = FORMATS[name]
    addresses = [
        bucket.put(f"in/{name}", FORMATS[name]),
        "s3://news/in/",
        "s3://news/i?/*",
        f"{web.url}/{name}",
        f"file://{tmp_path / name}",
    ]
    for address in addresses:
        found, problems = read(address)
        assert ([a.model_dump() for a in found], problems) == ([a.model_dump() for a in local], [])


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_is_sent_once(web: Web, name: str):
    web.files[f"/{name}"] = FORMATS[name]
    assert len(ids(f"{web.url}/{name}")) == len(ARTICLES)
    assert web.sent == {f"/{name}": len(FORMATS[name])}


def test_an_export_at_an_address_is_sent_once_though_it_is_read_twice(web: Web, here: Workspace, tmp_path: Path):
    tasks = json.dumps([reviewed(doc) for doc in seeds()[:5]]).encode()
    web.files["/project.json"] = tasks
    done = export_files(here, [f"{web.url}/project.json"], tmp_path / "out", schema=here.label_schema)
    assert done.manifest["documents"]["out"] == 5
    assert web.sent == {"/project.json": len(tasks)}


def test_folders_are_read_in_order_and_each_object_once(bucket: Bucket, tmp_path: Path):
    names = ["b.txt", "b/2.txt", "b/1.txt", "a.txt", "b/c/d.txt", ".hidden.txt", "README.md"]
    for name in names:
        bucket.put(f"in/{name}", f"Text of {name}.")
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(f"Text of {name}.")
    bucket.put("in/", "")  # as some programs leave it
    local, passed = read(tmp_path)
    remote, noticed = read("s3://news/in", "s3://news/in/*.txt", "s3://news/in/a.txt")
    assert [a.text for a in remote] == [a.text for a in local] and len(local) == 5
    assert [problem.reason for problem in noticed] == [problem.reason for problem in passed]


def test_patterns(tmp_path: Path):
    for name in ("a1.txt", "a2.txt", "b.txt", "x/a3.txt", "what?.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"Text of {name}.")
    assert [a.text for a in read(f"{tmp_path}/a*.txt")[0]] == ["Text of a1.txt.", "Text of a2.txt."]
    assert len(read(f"{tmp_path}/**/a?.txt")[0]) == 3
    assert [a.text for a in read(f"{tmp_path}/what?.txt")[0]] == ["Text of what?.txt."]
    assert [p.detail for p in read(f"{tmp_path}/c*.txt")[1]] == ["no file matches this pattern."]


def test_an_object_that_changes_while_it_is_read(bucket: Bucket, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(storage, "BLOCK", 1 << 16)
    lines = [json.dumps({"id": str(n), "text": f"Rebels attacked {n} villages. " * 40}) for n in range(3000)]
    address = bucket.put("in.jsonl", "\n".join(lines))
    from labeling.ingest import read_articles

    items = read_articles([address])
    first = next(items)
    bucket.put("in.jsonl", "\n".join(reversed(lines)))
    rest = list(items)
    assert first.doc_id == "0" and "it changed while it was read" in rest[-1].detail
    assert (rest[-1].reason, rest[-1].where) == ("unreadable", address)


def test_a_download_that_breaks_off(web: Web):
    web.files["/in.jsonl"] = LINES
    web.cut = len(LINES) - 20
    articles, problems = read(f"{web.url}/in.jsonl")
    assert [a.doc_id for a in articles] == [a["id"] for a in ARTICLES[: len(articles)]] and len(articles) < 20
    assert [(p.reason, p.action) for p in problems] == [("unreadable", "refused")]


@pytest.mark.parametrize("name", ["articles.jsonl.gz", "articles.jsonl.zst", "articles.parquet"])
def test_an_object_that_was_cut_off(bucket: Bucket, name: str):
    articles, problems = read(bucket.put(name, FORMATS[name][:-20]))
    assert [a.doc_id for a in articles] == [a["id"] for a in ARTICLES[: len(articles)]] and len(articles) < 20
    assert [(p.action, p.where.partition("#")[0]) for p in problems] == [("refused", f"s3://news/{name}")]


WRONG = {
    "s3://news/none.jsonl": "there is no such file, folder or bucket",
    "s3://nobody/in.jsonl": "there is no such file, folder or bucket",
    "s3://news/*.zip": "no file matches this pattern",
    "s3://*/in.jsonl": "a pattern does not stand for a bucket",
    "gs://": "it names no bucket",
    "s3://a:b@c/in.jsonl": "this is no address of a file in s3://",
    "gopher://x/in.jsonl": "gopher:// cannot be used: nothing that is installed reads such addresses",
    "az://news/in.jsonl": "az:// cannot be used: install what reads it: pip install",
    "hdfs://127.0.0.1:9/in.jsonl": "hdfs:// cannot be used: it needs Java and Hadoop's libhdfs",
    "http://127.0.0.1:9/in.jsonl": "its server does not answer",
    "WEB/secret.jsonl?signature=0123456789abcdef0123": "access is refused: check the credentials",
    "WEB/none.jsonl": "there is no such file, folder or bucket",
}


@pytest.mark.parametrize("address", WRONG)
def test_what_is_wrong_with_an_address_is_said(bucket: Bucket, web: Web, address: str):
    articles, problems = read(address.replace("WEB", web.url))
    assert not articles and WRONG[address] in problems[0].detail
    assert problems[0].reason == "unreadable" and "0123456789" not in problems[0].model_dump_json()


def test_commands_name_what_is_wrong_and_no_secret(bucket: Bucket, run, tmp_path: Path):
    address = bucket.put("in/articles.jsonl", LINES)
    (tmp_path / "a.jsonl").write_bytes(LINES)
    allow = bucket.refuse_all()
    try:
        done = [run("annotate", address, "-o", "out/"), run("annotate", "a.jsonl", "-o", "s3://news/out/")]
    finally:
        allow()
    done.append(run("convert", address, "-o", "out/", AWS_ENDPOINT_URL="http://127.0.0.1:9"))
    nothing = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}
    done.append(run("convert", address, "-o", "out/", **nothing, HOME=str(tmp_path)))
    assert [each.returncode for each in done] == [2, 2, 2, 2]
    said = [each.stderr for each in done]
    assert "s3://news/in/articles.jsonl: it cannot be read: access is refused" in said[0]
    assert "Cannot write s3://news/out/manifest.json: access is refused" in said[1]
    assert "does not answer" in said[2]
    assert "there are no usable credentials for s3://" in said[3]
    assert not any("Traceback" in each or SECRET_KEY in each for each in said)


def test_a_bucket_is_listed_page_by_page(bucket: Bucket):
    names = [f"in/{'a' * (n % 3)}/{n:04}.txt" for n in range(2100)]
    bucket.put_many(names)
    with bucket.listening() as asked:
        found = [file.where for file in files(["s3://news/in"])]
    assert found == [f"s3://news/{name}" for name in sorted(names, key=lambda name: name.split("/"))]
    assert [each for each in asked if "list-type=2" in each and "continuation-token" in each]


def annotated(here: Workspace, output: str, articles: Path, **options) -> task_files.Annotated:
    return annotate_files(here, [str(articles)], output, **{"jobs": 1, "shard": 7} | options)


def stop_after(monkeypatch: pytest.MonkeyPatch, articles: int, annotate: Callable[[], object]) -> None:
    real, left = task_files.to_task, iter(range(articles))

    def failing(*args):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return real(*args)

    with monkeypatch.context() as patched:
        patched.setattr(task_files, "to_task", failing)
        with pytest.raises(KeyboardInterrupt):
            annotate()


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    file = tmp_path / "articles.jsonl"
    file.write_bytes(LINES + b"nonsense\n")
    return file


@pytest.mark.parametrize("name", ["tasks.json", "tasks.jsonl", "tasks.jsonl.gz", "tasks.jsonl.zst"])
def test_tasks_at_an_address_are_those_of_a_file(bucket: Bucket, here: Workspace, articles: Path, name: str):
    annotated(here, str(here.folder / name), articles)
    assert annotated(here, f"s3://news/{name}", articles).articles == len(ARTICLES)
    local = (here.folder / name).read_bytes()
    assert bucket.get() == {name: local}
    text = (
        {"z": gzip.decompress, "t": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data)}.get(
            name[-1], bytes
        )(local)
        if name.endswith((".gz", ".zst"))
        else local
    )
    assert text.count(b"doc_id") == len(ARTICLES)


@pytest.mark.parametrize("after", [0, 7, 10, 19])
def test_shards_at_an_address_are_those_of_a_folder_whatever_interrupts(
    bucket: Bucket, here: Workspace, articles: Path, monkeypatch: pytest.MonkeyPatch, after: int
):
    annotated(here, f"{here.folder}/out/", articles)
    local = {p.name: p.read_bytes() for p in (here.folder / "out").iterdir() if not p.name.startswith(".")}
    stop_after(monkeypatch, after, lambda: annotated(here, "s3://news/out/", articles))
    half = bucket.get("out/")
    assert all(half[name] == local[name] for name in half.keys() - {"manifest.json"})
    done = annotated(here, "s3://news/out/", articles)
    assert (done.before, done.articles) == (after // 7 * 7, len(ARTICLES))
    assert bucket.get("out/") == local
    assert annotated(here, "s3://news/out/", articles).before == len(ARTICLES)
    assert bucket.get("out/") == local


@pytest.mark.parametrize("place", ["web", "bucket"])
def test_inputs_at_addresses_are_not_sent_again(
    bucket: Bucket, web: Web, here: Workspace, monkeypatch: pytest.MonkeyPatch, place: str
):
    lines = LINES.splitlines(keepends=True)
    content = {"a.jsonl": b"".join(lines[:5]), "b.jsonl": b"".join(lines[5:12]), "c.jsonl": b"".join(lines[11:])}
    for name, data in content.items():
        web.files[f"/{name}"] = data
        bucket.put(f"in/{name}", data)
    inputs = [f"{web.url}/{name}" for name in content] if place == "web" else ["s3://news/in/"]
    options = {"jobs": 1, "shard": 4}
    whole = annotate_files(here, inputs, "s3://news/whole/", **options)
    web.sent.clear()
    with bucket.listening() as asked:
        stop_after(monkeypatch, 14, lambda: annotate_files(here, inputs, "s3://news/out/", **options))
        done = annotate_files(here, inputs, "s3://news/out/", **options)
        annotate_files(here, inputs, "s3://news/out/", **options)
    sent = {name: web.sent[f"/{name}"] / len(data) for name, data in content.items()}
    if place == "bucket":
        sent = {name: len([each for each in asked if f"GET /news/in/{name}" in each]) for name in content}
    assert sent == {"a.jsonl": 1, "b.jsonl": 1, "c.jsonl": 2}
    assert (done.articles, done.before, done.problems) == (len(ARTICLES), 12, whole.problems)
    assert bucket.get("out/") == bucket.get("whole/")


def test_two_runs_to_one_address_are_told(bucket: Bucket, here: Workspace, articles: Path, monkeypatch):
    real, seen = task_files.to_task, iter(range(10))

    def with_another(*args):
        if next(seen, None) == 8:
            bucket.put("out/manifest.json", "{}")
        return real(*args)

    monkeypatch.setattr(task_files, "to_task", with_another)
    with pytest.raises(InputError, match=r"s3://news/out/manifest\.json was changed meanwhile"):
        annotated(here, "s3://news/out/", articles)
    assert bucket.get("out/")["manifest.json"] == b"{}"


def test_a_foreign_folder_is_left_alone(bucket: Bucket, here: Workspace, articles: Path):
    bucket.put("out/mine.txt", "mine")
    with pytest.raises(InputError, match="s3://news/out is not empty"):
        annotated(here, "s3://news/out/", articles)
    assert bucket.get("out/") == {"mine.txt": b"mine"}


@pytest.mark.parametrize("output", ["s3://nobody/tasks.jsonl", "s3://nobody/out/", "http://127.0.0.1:9/tasks.json"])
def test_what_cannot_be_written_to_is_told_before_the_work(
    bucket: Bucket, here: Workspace, articles: Path, monkeypatch: pytest.MonkeyPatch, output: str
):
    def work(*_: object) -> None:
        raise AssertionError("an article was annotated")

    monkeypatch.setattr(task_files, "to_task", work)
    with pytest.raises(InputError, match=r"there is no such file, folder or bucket|the web is only read"):
        annotated(here, output, articles)
    if output.endswith("/"):
        monkeypatch.setattr("labeling.workflow.export.commands.run", work)
        with pytest.raises(InputError, match="there is no such file, folder or bucket"):
            export_files(here, [articles], output, schema=here.label_schema)


@pytest.mark.parametrize("output", ["s3://", "gs:///"])
def test_an_output_names_a_bucket(here: Workspace, articles: Path, tmp_path: Path, monkeypatch, output: str):
    monkeypatch.chdir(tmp_path)
    before = {*tmp_path.iterdir()}
    with pytest.raises(InputError, match=f"Cannot write {output[:2]}://.*: it names no bucket"):
        annotated(here, output, articles)
    with pytest.raises(InputError, match=f"Cannot write {output[:2]}://.*: it names no bucket"):
        export_files(here, [articles], output, schema=here.label_schema)
    assert {*tmp_path.iterdir()} == before


def test_nothing_is_written_to_the_web(web: Web, here: Workspace, articles: Path):
    with pytest.raises(InputError, match="the web is only read"):
        annotated(here, f"{web.url}/tasks.json", articles)


def test_training_files_at_an_address_are_those_of_a_folder(bucket: Bucket, here: Workspace, tmp_path: Path):
    docs = seeds()
    for number, some in enumerate((docs[:8], docs[:6]), 1):
        (tmp_path / f"{number}.json").write_text(json.dumps([reviewed(doc) for doc in some]))
    options = {"schema": here.label_schema}
    for number in (1, 2):
        source = [tmp_path / f"{number}.json"]
        export_files(here, source, tmp_path / f"out{number}", **options)
        done = export_files(here, source, "s3://news/train/", **options)
        local = {
            path.relative_to(tmp_path / f"out{number}").as_posix(): path.read_bytes()
            for path in (tmp_path / f"out{number}").rglob("*")
            if path.is_file()
        }
        assert done.folder == "s3://news/train"
        there = bucket.get("train/")
        manifests = [json.loads(files.pop("manifest.json")) for files in (there, local)]
        assert there == local and manifests[0]["sha256"] == manifests[1]["sha256"]


def test_what_no_export_wrote_stays_unless_overwritten(bucket: Bucket, here: Workspace, tmp_path: Path, run):
    (tmp_path / "p.json").write_text(json.dumps([reviewed(doc) for doc in seeds()[:5]]))
    bucket.put("train/train.spacy", "mine")
    bucket.put("train/notes.txt", "mine, too")
    refused = run("convert", "p.json", "-o", "s3://news/train/", cwd=tmp_path)
    assert refused.returncode == 2 and "train.spacy in s3://news/train would be replaced" in refused.stderr
    assert bucket.get("train/") == {"train.spacy": b"mine", "notes.txt": b"mine, too"}
    done = run("convert", "p.json", "-o", "s3://news/train/", "--overwrite", cwd=tmp_path)
    assert done.returncode == 0 and "s3://news/train: 5 documents" in done.stdout + done.stderr
    assert bucket.get("train/")["notes.txt"] == b"mine, too" and bucket.get("train/")["train.spacy"] != b"mine"
