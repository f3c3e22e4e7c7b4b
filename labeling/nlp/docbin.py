"""spaCy documents → DocBin files of any length, written as they come.

spaCy's own DocBin holds every document in memory, and collects its strings token by token. Here chunks of documents
are packed wherever there is a free core, and a file is put together from the packed chunks. A DocBin is a zlib stream
of one msgpack map; deflate blocks that end at a byte's edge may be joined (as pigz does), so nothing is compressed
twice.
"""

import struct
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy
from isal import isal_zlib
from spacy.attrs import IDS as ATTRIBUTES
from spacy.attrs import ORTH, SPACY
from spacy.tokens import Doc
from srsly.msgpack import Packer

# What a document's tokens keep; the text and the spans come along by themselves.
ATTRS = ("ORTH", "ENT_IOB", "ENT_TYPE")
VERSION = "0.1"  # of the format
LISTS = ("cats", "flags", "span_groups", "user_data")  # one value a document
ARRAYS = ("tokens", "spaces", "lengths")  # joined over the documents
LEVEL = 2  # of ISA-L, which makes files as small as zlib's level 1 in a quarter of the time
MAX_TOKENS = 8_000_000  # in one file: 200 MB in a reader's memory, far below msgpack's 4 GiB
BASE = 65521  # of Adler-32
PACKER = Packer(use_bin_type=True)
SPAN = struct.Struct(">QQQllll")  # of a span group: id, knowledge base id, label, tokens, characters


@dataclass(slots=True)
class Piece:
    """A stretch of a zlib stream: its deflate blocks, and the size and Adler-32 of what they hold."""

    blocks: bytes = b""
    size: int = 0
    adler: int = 1


@dataclass(slots=True)
class Packed:
    """Documents, ready to be put into a file: what each section of a DocBin has of them."""

    documents: int = 0
    tokens: int = 0
    strings: set[str] = field(default_factory=set)
    sections: dict[str, Piece] = field(default_factory=dict)


def pack(docs: Sequence[Doc]) -> Packed:
    """The documents as sections of a DocBin. All must share one vocabulary."""
    if not docs:
        return Packed()
    attrs = [ATTRIBUTES[name] for name in ATTRS]
    arrays = [doc.to_array(attrs).reshape(len(doc), len(attrs)) for doc in docs]
    tokens = numpy.vstack(arrays)
    spaces = numpy.concatenate([doc.to_array(SPACY) for doc in docs]).astype(bool)
    groups = [_span_groups(doc) for doc in docs]
    ids = {*numpy.unique(tokens[:, 0]).tolist(), *numpy.unique(tokens[:, 2]).tolist()}
    ids = ids.union(*(labels for _, labels in groups))
    lookup = docs[0].vocab.strings
    strings = {lookup[number] for number in ids if number}
    sections = {
        "tokens": tokens.tobytes("C"),
        "spaces": spaces.tobytes("C"),
        "lengths": numpy.asarray([len(doc) for doc in docs], dtype="int32").tobytes("C"),
        "cats": _packed(doc.cats for doc in docs),
        "flags": _packed({"has_unknown_spaces": doc.has_unknown_spaces} for doc in docs),
        "span_groups": _packed(data for data, _ in groups),
        "user_data": _packed(PACKER.pack(doc.user_data) for doc in docs),
    }
    return Packed(len(docs), len(tokens), strings, {name: _deflated(data) for name, data in sections.items()})


class DocBinWriter:
    """Writes `<stem>.spacy` into a folder: a file, or where it would grow too large a folder of files.

    spaCy reads both: `spacy train` takes the folder's name where it takes a file's.
    """

    def __init__(self, folder: Path, stem: str, max_tokens: int = MAX_TOKENS) -> None:
        self.folder, self.name, self.max_tokens = folder, f"{stem}.spacy", max_tokens
        self.shards: list[Path] = []
        self.documents = 0
        self._begin()

    def _begin(self) -> None:
        self.packed = Packed(sections={name: Piece() for name in (*ARRAYS, *LISTS)})
        self.spools: dict[str, IO[bytes]] = {}

    def add(self, packed: Packed) -> None:
        """Put in documents behind those that are there."""
        if not packed.documents:
            return
        if self.packed.tokens and self.packed.tokens + packed.tokens > self.max_tokens:
            self._finish()
        self.documents += packed.documents
        self.packed.documents += packed.documents
        self.packed.tokens += packed.tokens
        self.packed.strings |= packed.strings
        for name, piece in packed.sections.items():
            if name not in self.spools:
                self.spools[name] = tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115 - closed when joined
            self.spools[name].write(piece.blocks)
            total = self.packed.sections[name]
            total.adler = _joined(total.adler, piece.adler, piece.size)
            total.size += piece.size

    def close(self) -> Path:
        """The path of what was written."""
        self._finish()
        target = self.folder / self.name
        if len(self.shards) == 1:
            return self.shards[0].rename(target)
        target.mkdir()
        for number, shard in enumerate(self.shards):
            shard.rename(target / f"{number:05}.spacy")
        return target

    def abandon(self) -> None:
        """Give the spools back without writing a file."""
        for spool in self.spools.values():
            spool.close()

    def _finish(self) -> None:
        file = self.folder / f".{self.name}.{len(self.shards)}"
        adler = 1
        with file.open("wb") as out:
            out.write(b"\x78\x01")
            for piece, spool in self._layout():
                if spool:
                    spool.seek(0)
                    while block := spool.read(1 << 20):
                        out.write(block)
                    spool.close()
                out.write(piece.blocks)
                adler = _joined(adler, piece.adler, piece.size)
            out.write(b"\x03\x00" + adler.to_bytes(4, "big"))
        self.shards.append(file)
        self._begin()

    def _layout(self) -> Iterator[tuple[Piece, IO[bytes] | None]]:
        """The pieces of the file in order; a spool stands for the blocks of its piece."""
        attrs = [ORTH, *(ATTRIBUTES[name] for name in ATTRS[1:])]
        head = {"version": float(VERSION), "attrs": attrs, "strings": sorted(self.packed.strings)}
        data = PACKER.pack_map_header(len(head) + len(ARRAYS) + len(LISTS))
        data += b"".join(PACKER.pack(key) + PACKER.pack(value) for key, value in head.items())
        yield _deflated(data), None
        for name in ARRAYS:
            section = self.packed.sections[name]
            yield _deflated(PACKER.pack(name) + b"\xc6" + section.size.to_bytes(4, "big")), None
            yield section, self.spools.get(name)
        for name in LISTS:
            yield _deflated(PACKER.pack(name) + PACKER.pack_array_header(self.packed.documents)), None
            yield self.packed.sections[name], self.spools.get(name)


def _packed(values: Iterable[object]) -> bytes:
    return b"".join(PACKER.pack(value) for value in values)


def _span_groups(doc: Doc) -> tuple[bytes, set[int]]:
    """The same as `doc.spans.to_bytes()`, which takes ten times as long, and the ids of the spans' labels."""
    groups: dict[bytes, list[str]] = {}
    labels: set[int] = set()
    for key, group in doc.spans.items():
        spans = [(span.label, span.start, span.end, span.start_char, span.end_char) for span in group]
        labels.update(span[0] for span in spans)
        data = {"name": group.name, "attrs": group.attrs, "spans": [SPAN.pack(0, 0, *span) for span in spans]}
        groups.setdefault(PACKER.pack(data), []).append(key)
    return PACKER.pack(groups), labels


def _deflated(data: bytes) -> Piece:
    compressor = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, -isal_zlib.MAX_WBITS)
    blocks = compressor.compress(data) + compressor.flush(isal_zlib.Z_FULL_FLUSH)
    return Piece(blocks, len(data), isal_zlib.adler32(data))


def _joined(first: int, second: int, size: int) -> int:
    """The Adler-32 of two stretches from those of each, and the size of the second (zlib's adler32_combine)."""
    low = (first & 0xFFFF) + (second & 0xFFFF) - 1
    high = size * ((first & 0xFFFF) - 1) + (first >> 16) + (second >> 16)
    return (high % BASE) << 16 | low % BASE
