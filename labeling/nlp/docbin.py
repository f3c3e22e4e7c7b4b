"""Tokenized documents → DocBin files of any size, written in a stream.

spaCy's own DocBin holds every document in memory, and collects its strings token by token. Here chunks of documents
are packed on any free core, and a file is assembled from the packed chunks. A DocBin is a zlib stream of one msgpack
map; deflate blocks that end at a byte boundary can be concatenated (as pigz does), so nothing is compressed twice.
Assembling needs no spaCy, so only the processes that tokenize texts load it.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy
from isal import isal_zlib
from srsly.msgpack import Packer

if TYPE_CHECKING:
    from labeling.nlp.gold import Gold
    from labeling.nlp.tokenization import FastTokenizer

# The stored attributes of tokens, by spaCy's numbers: ORTH, ENT_IOB, ENT_TYPE.
ATTRS = (65, 77, 78)
VERSION = "0.1"  # of the format
LISTS = ("cats", "flags", "span_groups", "user_data")  # one value per document
ARRAYS = ("tokens", "spaces", "lengths")  # concatenated over the documents
LEVEL = 2  # of ISA-L: as small as zlib's level 1 in a quarter of the time
MAX_TOKENS = 8_000_000  # of a file: 200 MB in a reader's memory, far below msgpack's 4 GiB
BASE = 65521  # the modulus of Adler-32
PACKER = Packer(use_bin_type=True)
# A span as in `SpanGroup.to_bytes`: msgpack's header for 40 bytes, id, knowledge base id, hash of the label, bounds
# in tokens, bounds in characters.
SPAN = numpy.dtype("V2, >u8, >u8, >u8, >i4, >i4, >i4, >i4")
SPAN_HEADER = b"\xc4\x28"


@dataclass(slots=True)
class Piece:
    """A piece of a zlib stream: its deflate blocks, and the size in bytes and the Adler-32 of their content."""

    blocks: bytes = b""
    size: int = 0
    adler: int = 1


@dataclass(slots=True)
class Packed:
    """Packed documents: a piece of each section of a DocBin."""

    documents: int = 0
    tokens: int = 0
    strings: set[str] = field(default_factory=set)
    sections: dict[str, Piece] = field(default_factory=dict)


def pack(golds: "Sequence[Gold]", tokenizer: "FastTokenizer") -> Packed:
    """The documents, packed for `DocBinWriter`."""
    from labeling.nlp.gold import SPANS_KEY, USER_DATA

    if not golds:
        return Packed()
    texts = numpy.concatenate([gold.tokens.numbers for gold in golds])
    tokens = numpy.empty((len(texts), len(ATTRS)), "<u8")
    tokens[:, 0] = tokenizer.orths(texts)
    tokens[:, 1] = numpy.concatenate([gold.iobs for gold in golds])
    tokens[:, 2] = numpy.concatenate([gold.types for gold in golds])
    labels = {span.label for gold in golds for span, _, _ in gold.placed}
    numbers = {label: tokenizer.label(label) for label in labels}
    strings = tokenizer.distinct(texts) | labels
    groups = [PACKER.pack({group: [SPANS_KEY]}) for group in _span_groups(golds, numbers, SPANS_KEY)]
    sections = {
        "tokens": tokens.data.cast("B"),
        "spaces": numpy.concatenate([gold.tokens.spaces for gold in golds]).data.cast("B"),
        "lengths": numpy.asarray([len(gold.iobs) for gold in golds], dtype="int32").tobytes("C"),
        "cats": PACKER.pack({}) * len(golds),
        "flags": PACKER.pack({"has_unknown_spaces": False}) * len(golds),
        "span_groups": b"".join(map(PACKER.pack, groups)),
        "user_data": b"".join(PACKER.pack(PACKER.pack({USER_DATA: gold.json})) for gold in golds),
    }
    return Packed(len(golds), len(tokens), strings, {name: _deflated(data) for name, data in sections.items()})


class DocBinWriter:
    """Writes `<stem>.spacy` into a folder: one file, or a folder of files if it would become too large.

    spaCy reads both: `spacy train` takes a folder instead of a file.
    """

    def __init__(self, folder: Path, stem: str, max_tokens: int = MAX_TOKENS) -> None:
        self.folder, self.name, self.max_tokens = folder, f"{stem}.spacy", max_tokens
        self.shards: list[Path] = []
        self._begin()

    def _begin(self) -> None:
        self.packed = Packed(sections={name: Piece() for name in (*ARRAYS, *LISTS)})
        self.spools: dict[str, IO[bytes]] = {}

    def add(self, packed: Packed) -> None:
        """Append documents."""
        if not packed.documents:
            return
        if self.packed.tokens and self.packed.tokens + packed.tokens > self.max_tokens:
            self._finish()
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
        """Finish writing; returns the path of the file or the folder."""
        self._finish()
        target = self.folder / self.name
        if len(self.shards) == 1:
            return self.shards[0].rename(target)
        target.mkdir()
        for number, shard in enumerate(self.shards):
            shard.rename(target / f"{number:05}.spacy")
        return target

    def abandon(self) -> None:
        """Close the temporary files without writing anything."""
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
        """The pieces of the file in order; blocks of a piece are in its spool, if it has one."""
        head = {"version": VERSION, "attrs": ATTRS, "strings": sorted(self.packed.strings)}
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


def _span_groups(golds: "Sequence[Gold]", numbers: Mapping[str, int], name: str) -> Iterator[bytes]:
    """The spans of each document in the form of spaCy's `SpanGroup.to_bytes`; `numbers` are the labels' hashes."""
    placed = [one for gold in golds for one in gold.placed]
    packed = numpy.zeros(len(placed), SPAN)
    packed["f0"] = SPAN_HEADER
    packed["f3"] = [numbers[span.label] for span, _, _ in placed]
    packed["f4"] = firsts = numpy.array([first for _, first, _ in placed], numpy.int64)
    packed["f5"] = ends = numpy.array([end for *_, end in placed], numpy.int64)
    before = numpy.cumsum([0, *(len(gold.iobs) for gold in golds)])[:-1]  # tokens in earlier documents
    before = numpy.repeat(before, [len(gold.placed) for gold in golds])
    packed["f6"] = numpy.concatenate([gold.tokens.starts for gold in golds])[firsts + before]
    packed["f7"] = numpy.concatenate([gold.tokens.ends for gold in golds])[ends + before - 1]
    spans, start = packed.tobytes(), 0
    head = PACKER.pack_map_header(3) + b"".join(map(PACKER.pack, ("name", name, "attrs", {}, "spans")))
    for gold in golds:
        end = start + len(gold.placed) * SPAN.itemsize
        yield head + PACKER.pack_array_header(len(gold.placed)) + spans[start:end]
        start = end


def _deflated(data: bytes) -> Piece:
    compressor = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, -isal_zlib.MAX_WBITS)
    blocks = compressor.compress(data) + compressor.flush(isal_zlib.Z_FULL_FLUSH)
    return Piece(blocks, len(data), isal_zlib.adler32(data))


def _joined(first: int, second: int, size: int) -> int:
    """The Adler-32 of two concatenated pieces, given that of each and the second's size (zlib's adler32_combine)."""
    low = (first & 0xFFFF) + (second & 0xFFFF) - 1
    high = size * ((first & 0xFFFF) - 1) + (first >> 16) + (second >> 16)
    return (high % BASE) << 16 | low % BASE
