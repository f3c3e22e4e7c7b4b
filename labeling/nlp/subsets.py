"""Subsets of an exported folder: written as folders of their own, and as tests of a model."""

import hashlib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import spacy
from spacy.tokens import Doc, DocBin

from labeling.core.article import digest
from labeling.core.copies import clusters, signature
from labeling.core.parsing import parse_json
from labeling.core.split import PARTS, Part
from labeling.core.words import words
from labeling.files import json_text, write_atomic
from labeling.nlp.evaluation.counting import Counts, counts_of
from labeling.nlp.evaluation.running import run
from labeling.nlp.folder import part_file, read_docs
from labeling.nlp.gold import SPANS_KEY, USER_DATA
from labeling.nlp.load import load

ATTRS = ("ORTH", "ENT_IOB", "ENT_TYPE")  # the stored attributes of tokens, as in an export


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A document of an exported folder.

    Attributes:
        doc: Its tokens and labels.
        part: Its part.
        digest: The digest of its text.
        group: The number of its group of near-duplicates, over all parts.
    """

    doc: Doc
    part: Part
    digest: str
    group: int


def reviewed(folder: Path) -> list[Reviewed]:
    """The documents of an exported folder, those of train first.

    Raises:
        InputError: A part cannot be read.
    """
    nlp = spacy.blank("xx")  # only its vocabulary is used
    docs = [(doc, part) for part in PARTS for doc in read_docs(part_file(folder, part), nlp)]
    groups = clusters([signature(words(doc.text)) for doc, _ in docs]).tolist()
    return [Reviewed(doc, part, digest(doc.text), group) for (doc, part), group in zip(docs, groups, strict=True)]


def labels_of(documents: Iterable[Reviewed]) -> list[str]:
    """The labels of the documents' spans, sorted."""
    docs = [one.doc for one in documents]
    return sorted({span.label_ for doc in docs for span in (*doc.ents, *doc.spans.get(SPANS_KEY, ()))})


def write_subset(folder: Path, target: Path, parts: Mapping[Part, Sequence[Reviewed]]) -> None:
    """Write into `target` what `labeling export` would have written for these documents alone.

    The config is that of the whole folder; the manifest has the numbers and checksums of the subset.
    """
    target.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        docs = [one.doc for one in parts.get(part, ())]
        data = DocBin(attrs=ATTRS, store_user_data=True, docs=docs).to_bytes()
        write_atomic(part_file(target, part), data)
    lines = [one.doc.user_data.get(USER_DATA, "") for part in PARTS for one in parts.get(part, ())]
    write_atomic(target / "docs.jsonl", "".join(f"{line}\n" for line in lines if line))
    if (folder / "config.cfg").is_file():
        shutil.copyfile(folder / "config.cfg", target / "config.cfg")
    if (folder / "manifest.json").is_file():
        manifest: dict[str, Any] = parse_json((folder / "manifest.json").read_bytes())
        numbers = {part: len(parts.get(part, ())) for part in PARTS}
        manifest["documents"] = {"out": sum(numbers.values())} | numbers
        manifest["tokens"] = sum(len(one.doc) for some in parts.values() for one in some)
        manifest["sha256"] = {
            file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(target.iterdir())
        }
        write_atomic(target / "manifest.json", json_text(manifest))


def counted(model: Path, documents: Sequence[Reviewed], labels: Iterable[str]) -> Counts:
    """The counts of a model's predictions for the documents and these labels, in the model's main layer.

    Raises:
        InputError: The documents have no spans, or the model knows none of their labels.
        ModelError: The model cannot be loaded.
    """
    done = run(load(str(model)), [one.doc for one in documents], "the documents to judge by")
    return counts_of(done.layers[done.main], labels, ())
