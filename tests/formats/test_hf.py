"""Parquet, opened by Hugging Face's `datasets`, offline."""

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from labeling.core.labels import LabeledDoc
from labeling.core.tokens import TokenizedDoc
from labeling.formats import hf, parquet
from labeling.formats.format import json_of
from tests.formats.tokenized import CONTEXT, document, tokenized, write
from tests.strategies import documents


@pytest.fixture(scope="module")
def load() -> Any:
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_DATASETS_OFFLINE"] = "1"
    import datasets

    datasets.disable_progress_bars()
    return datasets.load_dataset


SAID = {"certainty": {"choices": ["low"]}}


def row(doc: TokenizedDoc) -> dict[str, Any]:
    """What the reader must give for the document."""
    text = doc.doc.text
    tags = {tag: n for n, tag in enumerate(hf.tag_names(CONTEXT.labels))} | {"": -100}
    spans = [
        span.model_dump(include={"id", "start", "end", "label"})
        | {"attributes": json_of(span.attributes) if span.attributes else ""}
        | dict(zip(("token_start", "token_end"), doc.places.get(span.id, (None, None)), strict=True))
        for span in doc.doc.spans
    ]
    return {
        **{name: getattr(doc.doc, name) for name in ("doc_id", "text", "title", "source", "published", "url")},
        "tokens": [text[a:b] for a, b in doc.tokens],
        "token_starts": [a for a, _ in doc.tokens],
        "token_ends": [b for _, b in doc.tokens],
        "ner_tags": [tags[tag] for tag in doc.tags],
        "attributes": json_of(doc.doc.attributes) if doc.doc.attributes else "",
        "spans": spans,
        "relations": [relation.model_dump() for relation in doc.doc.relations],
    }


def test_hf_opens_with_class_labels_and_an_empty_part(tmp_path: Path, load: Any):
    docs = [
        tokenized(
            document("Reb 😀 left Oslo", ("Oslo", "LOCATION"), ("R", "ACTOR"), relations=[(0, 1, "agent")], title="T")
        ),
        tokenized(document("Nothing here.", doc_id="b")),
        tokenized(
            document("Rebels  left", ("Rebels", "ACTOR"), said=[SAID], attributes=SAID, doc_id="c", unknown=((0, 12),))
        ),
    ]
    files = {}
    for part, chosen in (("train", docs), ("dev", []), ("test", docs[:1])):
        (path,), problems = write("hf", chosen, tmp_path, stem=part)
        assert (path, problems) == (tmp_path / "hf" / f"{part}.parquet", [])
        files[part] = str(path)
    cache = str(tmp_path / "cache")
    empty = load("parquet", data_files={"dev": files.pop("dev")}, cache_dir=cache, streaming=True)["dev"]
    data = load("parquet", data_files=files, cache_dir=cache)  # which refuses a file without rows, unless streaming
    assert {part: data[part].num_rows for part in data} == {"train": 3, "test": 1}
    names = data["train"].features["ner_tags"].feature.names
    assert names == hf.tag_names(CONTEXT.labels)
    assert (list(empty), empty.features) == ([], data["train"].features)
    assert pq.read_table(tmp_path / "hf" / "dev.parquet").num_rows == 0
    assert list(data["train"]) == [row(doc) for doc in docs]
    assert data["train"][2]["ner_tags"][:] == [names.index("B-ACTOR"), -100, -100]


def test_hf_streams_too(tmp_path: Path, load: Any):
    doc = tokenized(document("Oslo fell", ("Oslo", "LOCATION")))
    (path,), _ = write("hf", [doc], tmp_path)
    data = load("parquet", data_files={"train": str(path)}, streaming=True, cache_dir=str(tmp_path / "cache"))
    assert list(data["train"]) == [row(doc)]


@pytest.mark.parametrize("chunk", [1, 3, 50])
def test_hf_row_groups_do_not_depend_on_the_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int):
    monkeypatch.setattr(parquet, "GROUP", 4 * parquet.ROW)
    docs = [
        tokenized(document("Oslo fell. " * (n % 5 * 9 + 1), ("Oslo", "LOCATION"), doc_id=f"d{n}")) for n in range(50)
    ]
    (path,), _ = write("hf", docs, tmp_path, chunk=chunk)
    (other,), _ = write("hf", docs, tmp_path, stem="whole", chunk=50)
    assert path.read_bytes() == other.read_bytes()
    file = pq.ParquetFile(path)
    assert file.metadata.num_row_groups > 10
    assert file.read().to_pylist() == [row(doc) for doc in docs]


def test_hf_pages_do_not_depend_on_the_chunks(tmp_path: Path):
    docs = [tokenized(document("Oslo fell. " * 20, ("Oslo", "LOCATION"), doc_id=f"d{n}")) for n in range(100)]
    made = {write("hf", docs, tmp_path / str(chunk), chunk=chunk)[0][0].read_bytes() for chunk in (1, 7, 100)}
    assert len(made) == 1


@settings(deadline=None, max_examples=60)
@given(documents())
def test_hf_gives_back_every_token_span_and_relation(labeled: LabeledDoc):
    doc = tokenized(labeled)
    rendered = hf.render([doc, doc], CONTEXT)
    assert pa.ipc.open_stream(rendered.data).read_all().to_pylist() == [row(doc)] * 2
