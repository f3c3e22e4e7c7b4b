"""The seed articles and their gold labels: readable, in step with each other and with the schema's guidance."""

import json
import re
from pathlib import Path

import pytest

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc
from labeling.core.offsets import overlaps
from labeling.core.problem import Problem
from labeling.core.split import PARTS
from labeling.ingest import read_articles
from labeling.settings import open_workspace
from labeling.workflow.demo import DEMO_SPLIT
from labeling.workflow.documents import read_documents
from labeling.workflow.export.commands import export_files
from labeling.workflow.export.options import Options
from tests.builders import EVENT, ROOT, reviewed

ITEMS = list(read_articles([ROOT / "seeds"]))
ARTICLES = {item.doc_id: item for item in ITEMS if isinstance(item, Article)}
GOLD = read_documents(ROOT / "seeds" / "gold.jsonl")


def test_seeds_are_enough_and_all_readable():
    assert len(ARTICLES) >= 30
    assert len(GOLD) >= 24
    assert [item for item in ITEMS if isinstance(item, Problem) and item.action == "refused"] == []
    assert set(ARTICLES) - {doc.doc_id for doc in GOLD}, "some are left for the user"


@pytest.mark.parametrize("doc", GOLD, ids=lambda doc: doc.title[:40])
class TestGold:
    def test_gold_is_on_the_text_of_its_article(self, doc: LabeledDoc):
        article = ARTICLES[doc.doc_id]
        assert (doc.text, doc.title) == (article.text, article.title)

    def test_gold_obeys_the_schema(self, doc: LabeledDoc):
        assert EVENT.check(doc) == ()
        assert {span.label for span in doc.spans} == set(EVENT.labels)

    def test_gold_spans_have_the_edges_that_the_guidance_asks_for(self, doc: LabeledDoc):
        for span in doc.spans:
            text = doc.slice(span)
            assert not re.match(r"(the|a|an|in|on|at|by)\s", text, re.IGNORECASE), text
            assert not re.search(r"^[\"'“”‘’.,;:(]|[\"“”,;:)]$|['’]s$|\n", text), text
            assert not any(overlaps(span, other) for other in doc.spans if other is not span), text

    def test_gold_relations_stay_within_a_paragraph(self, doc: LabeledDoc):
        for relation in doc.relations:
            ends = (doc.by_id[relation.head], doc.by_id[relation.tail])
            between = doc.text[min(e.start for e in ends) : max(e.end for e in ends)]
            assert "\n" not in between, between


def test_gold_fits_tokens_and_fills_every_part(tmp_path: Path):
    (tmp_path / "gold.json").write_text(json.dumps([reviewed(doc) for doc in GOLD]), encoding="utf-8")
    options = Options(split=DEMO_SPLIT)
    done = export_files(open_workspace(tmp_path), [tmp_path / "gold.json"], tmp_path / "out", options, schema=EVENT)
    assert done.problems == ()
    manifest = done.manifest
    assert manifest["spans"]["in"] == manifest["spans"]["exact"]
    assert all(manifest["documents"][part] >= 3 for part in PARTS)
    assert all(parts["test"] for parts in manifest["labels"].values())
    assert manifest["split"]["clusters"] == 0
    assert manifest["warnings"] == []
