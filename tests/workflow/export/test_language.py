"""Exports in other languages than English: their tokens are made by the rules of the language that they are in."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import spacy

from labeling.nlp.detect import detect
from labeling.settings import open_workspace
from labeling.workflow.export.commands import export_files
from labeling.workflow.export.options import Options
from labeling.workflow.export.report import Exported

FRENCH = (
    "L'|ONU| a annoncé lundi l'envoi d'observateurs dans la ville d'|Alep|, où l'|armée| a repris ses tirs.",
    "Le président de l'|Ukraine| s'est entretenu avec l'|OTAN| au sujet de l'|attaque| de vendredi.",
    "Selon l'|AFP|, des milliers d'hommes ont manifesté aujourd'hui à |Lyon| contre la réforme d'|Élisabeth Borne|.",
    "L'|Union européenne| n'exclut pas de nouvelles sanctions contre |Moscou|, a dit jeudi la porte-parole.",
)
CHINESE = (
    "|联合国|周一宣布将向|阿勒颇|派遣观察员,|叙利亚|军队在那里恢复了炮击。",
    "|乌克兰|总统与|北约|秘书长就周五的袭击进行了会谈。",
    "据|法新社|报道,数千人今天在|里昂|举行示威,抗议|政府|的改革。",
    "|欧洲联盟|发言人周四表示,不排除对|莫斯科|实施新的制裁。",
)
JAPANESE = (
    "|国連|は月曜日、|アレッポ|に監視団を派遣すると発表した。",
    "|ウクライナ|の大統領は|北大西洋条約機構|の事務総長と会談した。",
)
KOREAN = (
    "|유엔|은 월요일 |알레포| 에 감시단을 파견할 것이라고 발표했다.",
    "|우크라이나| 대통령은 금요일 공격에 대해 회담했다.",
)
ENGLISH = (
    "The |United Nations| said on Monday that it would send observers to |Aleppo|, where the army had opened fire.",
    "The president of |Ukraine| spoke with |NATO| about the attack on Friday.",
)


def task(marked: str, number: int) -> dict[str, Any]:
    """A task whose spans stand between bars."""
    text, result = "", []
    for place, piece in enumerate(marked.split("|")):
        if place % 2:
            value = {"start": len(text), "end": len(text) + len(piece), "text": piece, "labels": ["NAME"]}
            result.append({"id": f"r{place}", "type": "labels", "value": value})
        text += piece
    return {"id": number, "data": {"text": text}, "annotations": [{"result": result}]}


def converted(folder: Path, texts: tuple[str, ...], **options: Any) -> Exported:
    file = folder / "export.json"
    file.write_text(json.dumps([task(text, number) for number, text in enumerate(texts)]), encoding="utf-8")
    return export_files(open_workspace(folder), [file], folder / "out", Options(**options), schema=None)


@pytest.mark.parametrize(
    ("texts", "code", "spans"),
    [(FRENCH, "fr", 11), (CHINESE, "zh", 10), (ENGLISH, "en", 4), (FRENCH + ENGLISH, "fr", 15)],
)
def test_convert_without_a_schema_loses_no_span_of_another_language(tmp_path: Path, texts, code: str, spans: int):
    done = converted(tmp_path, texts)
    assert done.manifest["spans"]["exact"] == done.manifest["spans"]["in"] == spans
    assert done.manifest["language"]["code"] == code
    assert spacy.util.load_config(done.folder / "config.cfg")["nlp"]["lang"] == code
    assert any("several languages" in line for line in done.manifest["warnings"]) == (texts == FRENCH + ENGLISH)


def test_convert_says_whose_rules_made_the_tokens_and_why(run, tmp_path: Path):
    (tmp_path / "export.json").write_text(json.dumps([task(text, 1) for text in FRENCH]))
    done = run("convert", "export.json", "-o", "out", "--schema", "auto")
    assert done.returncode == 0, done.stderr
    assert "Tokenized as fr: 4 of 4 texts that were looked at are in French (fr)." in done.stderr
    done = run("convert", "export.json", "-o", "out", "--language", "en")
    assert "Tokenized as en: asked for." in done.stderr


def test_convert_where_most_spans_are_misaligned_says_why_in_one_line(run, tmp_path: Path):
    (tmp_path / "export.json").write_text(json.dumps([task(text, n) for n, text in enumerate(CHINESE * 30)]))
    done = run("convert", "export.json", "-o", "out", "--language", "en")
    assert done.returncode == 1
    assert "take --language zh" in done.stderr
    assert done.stderr.count("its edges are inside tokens") <= 3
    listed = (tmp_path / "out" / "problems.jsonl").read_text().splitlines()
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert sum("misaligned" in line for line in listed) == manifest["problems"]["misaligned"] > 5


def test_convert_of_a_language_without_spaces_that_spacy_cannot_cut_loses_no_span_and_says_so(tmp_path: Path):
    if _can_cut("ja"):
        pytest.skip("the packages for Japanese are installed")
    done = converted(tmp_path, JAPANESE)
    assert done.manifest["spans"]["exact"] == done.manifest["spans"]["in"] == 4
    assert done.manifest["language"]["code"] == "zh"
    (note,) = (line for line in done.manifest["warnings"] if "Japanese" in line)
    assert "each character became a token" in note
    assert "pip install sudachipy" in note


def test_detect_falls_back_to_the_rules_for_any_language():
    if _can_cut("ko"):
        pytest.skip("the packages for Korean are installed")
    rules = detect([text.replace("|", "") for text in KOREAN])
    assert rules.code == "xx"
    assert "Korean (ko) need packages" in rules.notes[0]


@pytest.mark.parametrize("texts", [[], [""], ["Djokovic beats Nadal"], ["12:30", "…"]])
def test_detect_takes_english_where_nothing_tells(texts: list[str]):
    assert detect(texts).code == "en"


def test_convert_names_a_language_that_cannot_be(run, tmp_path: Path):
    (tmp_path / "export.json").write_text(json.dumps([task(ENGLISH[0], 1)]))
    for code, said in (("xq", "cannot tokenize the language 'xq'"), ("English", "language")):
        done = run("convert", "export.json", "-o", "out", "--language", code)
        assert done.returncode == 2
        assert said in done.stderr
        assert not (tmp_path / "out").exists()


def _can_cut(code: str) -> bool:
    try:
        spacy.blank(code)
    except ImportError:
        return False
    return True


@pytest.mark.train
@pytest.mark.parametrize(("texts", "code"), [(FRENCH, "fr"), (CHINESE, "zh"), (KOREAN, "xx")])
def test_spacy_trains_on_an_export_of_another_language(tmp_path: Path, texts, code: str):
    many = tuple(f"{text} {number}" for number in range(12) for text in texts)
    done = converted(tmp_path, many, split={"dev": 30, "test": 0}, resplit=True)
    assert done.manifest["language"]["code"] == code
    train = [sys.executable, "-m", "spacy", "train", "config.cfg", "--output", "model", "--training.max_steps", "10"]
    subprocess.run(train, cwd=done.folder, check=True, capture_output=True, timeout=300)
    nlp = spacy.load(done.folder / "model" / "model-last")
    assert nlp.lang == code


def test_convert_says_in_words_what_a_language_is(run):
    done = run("convert", "export.json", "-o", "out", "--language", "English")
    assert done.returncode == 2
    assert "language: it is a code of two or three lower-case letters, as in en" in done.stderr
