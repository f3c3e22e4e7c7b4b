"""Paths → articles and problems."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path, PurePosixPath

from labeling.core.article import Article
from labeling.core.problem import Problem
from labeling.core.reasons import Reason
from labeling.ingest.articles import Note, of_fields, of_record, of_text, problem
from labeling.ingest.fields import FieldNames
from labeling.ingest.html import read_html
from labeling.ingest.kinds import ENDINGS, READER, Kind, is_binary, kind_of
from labeling.ingest.known import Known
from labeling.ingest.parquet import read_parquet
from labeling.ingest.records import Record, read_json, read_json_lines, read_table
from labeling.inputs.broken import BrokenInputError, refused
from labeling.inputs.encodings import is_utf8, not_utf8
from labeling.inputs.files import File, find
from labeling.inputs.kinds import binary_kind
from labeling.inputs.records import whole
from labeling.inputs.streams import Stream, streams

CHARSET = re.compile(rb"<meta[^>]{0,200}charset|<\?xml[^>]{0,200}encoding", re.IGNORECASE)
ARTICLE_BYTES = 20_000_000  # of a file with one article


def read_articles(
    paths: Iterable[str | Path],
    *,
    keep_all: bool = False,
    max_characters: int | None = None,
    names: FieldNames | None = None,
    same_texts: bool = False,
    known: Known | None = None,
    through: Callable[[Iterator[File | Problem]], Iterator[File | Problem]] = iter,
) -> Iterator[Article | Problem]:
    """The articles of files, folders and standard input (`-`), as they are read, and every problem with them.

    A problem with the action "changed" is about an article that is returned, "refused" about something that is not, and
    "skipped" about a file that nobody named. It says where: the file, and the line or number in it. Reading goes on
    after every problem. Everything is read once, and only one article is kept in memory.

    Args:
        paths: Files, folders (with subfolders), pipes, or `-`; packed (.gz, .zst, .zip) or not; addresses and
            patterns (`articles/*.jsonl`).
        keep_all: Whether to leave boilerplate of web pages in the texts.
        max_characters: The largest length of a text in code points; a longer one is refused.
        names: The names of fields in records, if they are not the usual ones.
        same_texts: Whether an article with the text of another one, and another id, is returned rather than refused.
        known: Articles that were read before.
        through: Passes on the files that are to be read; it is asked for one when those before it were read.
    """
    with closing(known or Known()) as before:
        for item in _read(through(files(paths)), names or FieldNames(), keep_all=keep_all):
            if isinstance(item, Problem):
                yield item
            else:
                yield _checked(*item, before, max_characters, same_texts=same_texts)


def files(paths: Iterable[str | Path]) -> Iterator[File | Problem]:
    """The files of articles, which are not opened, and why others are none."""
    return find(paths, READER)


def _checked(
    article: Article, where: str, known: Known, max_characters: int | None, *, same_texts: bool
) -> Article | Problem:
    """The article, or why it is refused."""
    if max_characters and len(article.text) > max_characters:
        detail = (
            f"the text has {len(article.text):,} characters; is this a whole corpus in one file? An article has "
            f"{max_characters:,} at most (max_characters under [articles] in labeling.toml)"
        )
        return problem("too-long", detail, where, article)
    if first := known.same_id(article):
        reason: Reason = "duplicate" if first.has_same_text else "duplicate-id"
        text = "the same text" if first.has_same_text else "another text"
        detail = f"{article.doc_id!r} was read from {first.where} already, with {text}"
        return problem(reason, detail, where, article)
    if not same_texts and (place := known.same_text(article)):
        return problem("duplicate-text", f"the same text as {place}", where, article)
    known.add(article, where)
    return article


def _read(
    found: Iterable[File | Problem], names: FieldNames, *, keep_all: bool
) -> Iterator[tuple[Article, str] | Problem]:
    for file in found:
        if isinstance(file, Problem):
            yield file
            continue
        for stream in streams(file, READER):
            if isinstance(stream, Problem):
                yield stream
                continue
            try:
                yield from _of_stream(stream, names, keep_all=keep_all)
            except BrokenInputError as broken:
                yield refused(broken.reason, broken.detail, stream.where)


def _of_stream(stream: Stream, names: FieldNames, *, keep_all: bool) -> Iterator[tuple[Article, str] | Problem]:
    """The articles of a stream.

    Raises:
        BrokenInputError: It ends too early, or is not text; the articles before that were returned.
    """
    kind = kind_of(stream, names)
    if kind is None or (kind != "parquet" and (binary := binary_kind(stream.head))):
        detail = _unknown(stream) if kind is None else f"{binary} {READER.hint}"
        yield refused("unknown-format", detail, stream.where)
    elif kind == "html":
        yield from _of_page(stream, keep_all=keep_all)
    elif kind != "parquet" and is_binary(stream.head):
        hint = "save it as text in UTF-8, for example: iconv -f UTF-16 -t UTF-8"
        yield refused("not-utf8", f"it is binary, or in an encoding that it does not name; {hint}", stream.where)
    elif kind == "text":
        yield from _of_text(stream, keep_all=keep_all)
    else:
        yield from _of_records(stream, kind, names, keep_all=keep_all)


def _of_page(stream: Stream, *, keep_all: bool) -> Iterator[tuple[Article, str] | Problem]:
    page = whole(stream.blocks, ARTICLE_BYTES)
    fields = read_html(page, keep_all=keep_all)
    notes: list[Note] = []
    if not CHARSET.search(page) and not is_utf8(page):
        detail = "it is not UTF-8 and does not say its encoding, which was guessed: look at its special characters"
        notes.append(("guessed-encoding", detail, ""))
    if fields.get("text"):
        yield from of_fields(fields, {}, stream.where, keep_all=keep_all, notes=notes)
    else:
        yield refused("empty", "no text of an article was found in this page", stream.where)


def _of_text(stream: Stream, *, keep_all: bool) -> Iterator[tuple[Article, str] | Problem]:
    data = whole(stream.blocks, ARTICLE_BYTES)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise not_utf8(error.start) from error
    if text.removeprefix("\ufeff").strip():
        yield from of_text(text, stream.where, keep_all=keep_all)
    else:
        yield refused("empty", "there is only white space in it" if text else "there is nothing in it", stream.where)


def _of_records(
    stream: Stream, kind: Kind, names: FieldNames, *, keep_all: bool
) -> Iterator[tuple[Article, str] | Problem]:
    records: Iterator[Record | Problem]
    if kind == "json":
        records = read_json(stream, names)
    elif kind == "parquet":
        records = read_parquet(stream, names)
    elif kind == "json lines":
        records = read_json_lines(stream, names)
    else:
        records = read_table(stream, names, "\t" if kind == "tsv" else ",")
    for item in records:
        if isinstance(item, Problem):
            yield item
        else:
            yield from of_record(item, names, keep_all=keep_all)


def _unknown(stream: Stream) -> str:
    if not stream.name:
        return "it is neither HTML, JSON, JSON lines, a table with a column for the text, nor plain text."
    ending = PurePosixPath(stream.name).suffix
    what = f"the ending {ending} is not" if ending else "it has no ending, and should have"
    hint = f" What is one of them can come by standard input: labeling annotate - < {stream.where}"
    return f"{what} one of {ENDINGS}.{hint if stream.is_named else ''}"
