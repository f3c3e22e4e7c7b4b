"""An exported folder → the reviewed documents that a model learns from, in folds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy
import spacy
from spacy.tokens import Doc

from labeling.core.article import digest
from labeling.core.copies import clusters, signature
from labeling.core.labels import LabeledDoc, Span
from labeling.core.words import words
from labeling.errors import InputError
from labeling.nlp.folder import part_file, read_docs
from labeling.nlp.gold import SPANS_KEY, USER_DATA, from_doc

LEARNED_FROM = ("train", "dev")  # never test


@dataclass(frozen=True)
class Reviews:
    """Reviewed documents, and for each the number of its cluster of near-duplicates."""

    docs: tuple[LabeledDoc, ...]
    clusters: tuple[int, ...]

    def folds(self, number: int, seed: int) -> list[list[int]]:
        """The documents in up to `number` folds of similar size, by their indices; near-duplicates share a fold.

        The folds depend on the documents and the seed alone. There are fewer folds if there are fewer clusters.
        """
        members: dict[int, list[int]] = {}
        for index, cluster in enumerate(self.clusters):
            members.setdefault(cluster, []).append(index)
        groups = list(members.values())
        order = numpy.random.default_rng(seed).permutation(len(groups))
        sized = sorted((groups[i] for i in order), key=lambda group: -sum(len(self.docs[d].text) for d in group))
        folds: list[list[int]] = [[] for _ in range(min(number, len(groups)))]
        sizes = [0] * len(folds)
        for group in sized:
            least = sizes.index(min(sizes))
            folds[least] += group
            sizes[least] += sum(len(self.docs[d].text) for d in group)
        return [sorted(fold) for fold in folds]


def read(folder: Path, parts: Sequence[str] = LEARNED_FROM) -> Reviews:
    """The reviewed documents in the given parts of an exported folder.

    Raises:
        InputError: There are none, or none has a span; or a file cannot be read.
    """
    found: list[LabeledDoc] = []
    for part in parts:
        if part_file(folder, part).exists():
            found += map(_labeled, read_docs(part_file(folder, part), spacy.blank("xx")))
    if not found:
        raise InputError(
            f"{folder} has no documents to learn from, in train or dev.",
            "`labeling export` and `labeling convert` write such a folder; test is never learned from.",
        )
    if not any(doc.spans for doc in found):
        raise InputError(
            f"None of the {len(found):,} documents in {folder} has a span.", "Review some articles, and export again."
        )
    return Reviews(tuple(found), tuple(clusters([signature(words(doc.text)) for doc in found]).tolist()))


def _labeled(doc: Doc) -> LabeledDoc:
    if USER_DATA in doc.user_data:
        return from_doc(doc)
    marks = {(s.start_char, s.end_char, s.label_) for s in (*doc.ents, *doc.spans.get(SPANS_KEY, ()))}
    spans = tuple(
        Span(id=str(n), start=a, end=b, label=label)
        for n, (a, b, label) in enumerate(sorted(marks))
        if not (doc.text[a].isspace() or doc.text[b - 1].isspace())
    )
    return LabeledDoc(doc_id=digest(doc.text), text=doc.text, spans=spans)
