"""Commands as a person types them, without a server: what they print, and how they end."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin

from labeling import __version__

COMMANDS = (
    "init",
    "annotate",
    "import",
    "status",
    "check",
    "pull",
    "export",
    "watch",
    "convert",
    "train",
    "evaluate",
    "effort",
    "doctor",
    "demo",
)
ARTICLE = "Rebels close in on Tadmor\n\nRebels attacked Tadmor on Friday, Angela Merkel said. 😀 Talks broke down.\n"
TASK = {
    "id": 7,
    "data": {"text": "Ana Petrova said no."},
    "annotations": [
        {
            "id": 1,
            "completed_by": 3,
            "was_cancelled": False,
            "updated_at": "2026-01-01T00:00:00Z",
            "result": [
                {
                    "id": "r1",
                    "from_name": "ner",
                    "to_name": "text",
                    "type": "labels",
                    "value": {"start": 0, "end": 12, "text": "Ana Petrova ", "labels": ["PER"]},
                }
            ],
        }
    ],
}


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "one.txt").write_text(ARTICLE, encoding="utf-8")
    return folder


def test_version_is_printed_alone(run):
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"labeling {__version__}\n", "")


def test_help_names_every_command(run):
    done = run("--help")
    assert done.returncode == 0
    for command in (*COMMANDS, "studio", "schema"):
        assert f" {command} " in done.stdout


def test_help_of_every_command_has_an_example(run):
    for command in COMMANDS:
        assert "Example:" in run(command, "--help").stdout, command


def test_help_imports_nothing_heavy():
    heavy = ("spacy", "trafilatura", "pydantic", "httpx", "numpy", "fsspec")
    code = f"import sys; import labeling.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_init_writes_once(run, tmp_path):
    assert run("init", "--title", "Border news").returncode == 0
    before = (tmp_path / "labeling.toml").read_text()
    assert '"Border news"' in before
    assert (tmp_path / "schemas" / "event.toml").is_file()
    again = run("init", "--title", "Other")
    assert again.returncode == 0
    assert "nothing was changed" in again.stderr
    assert (tmp_path / "labeling.toml").read_text() == before


def test_annotate_writes_tasks_that_read_back(run, articles, tmp_path):
    done = run("annotate", articles, "-o", "tasks.json")
    assert done.returncode == 0, done.stderr
    (task,) = json.loads((tmp_path / "tasks.json").read_text())
    assert task["data"]["title"] == "Rebels close in on Tadmor"
    text = task["data"]["text"]
    (prediction,) = task["predictions"]
    assert prediction["model_version"] == "en_core_web_sm-3.8.0+event-1.2.0"
    assert 0 < prediction["score"] <= 1
    regions = [region["value"] for region in prediction["result"] if region["type"] == "labels"]
    found = {(value["labels"][0], text[value["start"] : value["end"]]) for value in regions}
    assert {("ACTION", "attacked"), ("DATE", "Friday"), ("ACTOR", "Angela Merkel"), ("ACTION", "said")} <= found
    run("annotate", articles, "-o", "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "tasks.json").read_bytes()


def test_annotate_names_bad_input_and_goes_on(run, articles, tmp_path):
    (articles / "two.txt").write_bytes(b"caf\xe9 au lait")
    (articles / "rows.jsonl").write_text('{"text": "Rebels left."}\nnot json\n')
    done = run("annotate", articles, "missing.txt", "-o", "tasks.jsonl")
    assert done.returncode == 1
    assert len((tmp_path / "tasks.jsonl").read_text().splitlines()) == 2
    for name in ("two.txt", "rows.jsonl:2", "missing.txt"):
        assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_annotate_refuses_an_article_above_the_limit_of_the_settings_and_goes_on(run, articles, tmp_path):
    (tmp_path / "labeling.toml").write_text("[articles]\nmax_characters = 500\n", encoding="utf-8")
    (articles / "corpus.txt").write_text("Talks broke down. " * 50, encoding="utf-8")
    done = run("annotate", articles, "-o", tmp_path / "tasks.json", "-w", tmp_path)
    assert done.returncode == 1
    assert "corpus.txt: the text has 899 characters; is this a whole corpus in one file?" in done.stderr
    assert len(json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8"))) == 1


def test_convert_writes_no_formula_into_a_table_unless_asked(run, tmp_path):
    text = "=SUM(1) fell."
    places = {"r1": (0, 7, "ACTOR"), "r2": (8, 12, "ACTION")}
    names = {"from_name": "ner", "to_name": "text", "type": "labels"}
    result = [
        {"id": id, **names, "value": {"start": start, "end": end, "text": text[start:end], "labels": [label]}}
        for id, (start, end, label) in places.items()
    ]
    result.append({"type": "relation", "from_id": "r2", "to_id": "r1", "direction": "right", "labels": ["agent"]})
    task = TASK | {"data": {"text": text}, "annotations": [TASK["annotations"][0] | {"result": result}]}
    (tmp_path / "export.json").write_text(json.dumps([task]))
    for more, written in (((), "'=SUM(1)"), (("--csv-raw",), "=SUM(1)")):
        done = run("convert", "export.json", "-o", "out", "--format", "events", *more)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "out" / "events.csv").read_text().splitlines()[1].endswith(f",{written},0-7")


def test_convert_turns_an_export_into_training_files(run, tmp_path):
    (tmp_path / "export.json").write_text(json.dumps([TASK]))
    done = run("convert", "export.json", "-o", "out")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    spans = manifest["spans"]
    assert spans["in"] == 1 == sum(n for outcome, n in spans.items() if outcome != "in")
    assert spans["trimmed"] == 1
    nlp = spacy.blank("en")
    docs = [
        doc
        for part in ("train", "dev", "test")
        for doc in DocBin().from_bytes((tmp_path / "out" / f"{part}.spacy").read_bytes()).get_docs(nlp.vocab)
    ]
    assert [(e.text, e.label_) for doc in docs for e in doc.ents] == [("Ana Petrova", "PER")]
    (problem,) = [json.loads(line) for line in (tmp_path / "out" / "problems.jsonl").read_text().splitlines()]
    assert problem["reason"] == "trimmed"


def test_convert_in_a_workspace_refuses_labels_that_the_schema_lacks(run, tmp_path):
    run("init")
    (tmp_path / "export.json").write_text(json.dumps([TASK]))
    done = run("convert", "export.json", "-o", "out")
    assert done.returncode == 1
    assert "no label 'PER'" in done.stderr
    assert "--schema auto" in done.stderr
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["spans"]["refused"] == 1
    assert run("convert", "export.json", "-o", "out", "--schema", "auto").returncode == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "there is nothing in it"),
        ("-DOCSTART- -X- O\nRussia -X- _ B-ACTOR\n", "CoNLL"),
        ("id,text,label\n1,a,b\n", "CSV"),
        ('{"text": "Rebels left.", "label": [[0, 6, "ACTOR"]]}', "doccano"),
        ('{"text": "Rebels left.", "spans": [], "_input_hash": 3}', "Prodigy"),
        ('[{"id": 1, "data": {', "truncated"),
        ("[" * 100_000, "truncated"),
        ('[{"data": {"x": ' + "[" * 300 + "]" * 300 + "}}]", "nested too deeply"),
        ('{"detail": "Authentication credentials were not provided."}', "an error of the server"),
    ],
)
def test_convert_refuses_files_of_another_kind_by_name(run, tmp_path, content, said):
    (tmp_path / "export.json").write_text(content)
    done = run("convert", "export.json", "-o", "out")
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["status"], "labeling studio start"),
        (["export"], "labeling studio start"),
        (["import", "articles"], "labeling studio start"),
        (["annotate", "articles", "-o", "tasks.txt"], ".json, .jsonl, .jsonl.gz, .jsonl.zst"),
        (["annotate", "articles", "-o", "t.json", "--model", "no_such_model"], "no spaCy model"),
        (["init", "--schema", "nothing"], "There are: event"),
        (["init", "--title", "x"], "3 to 50"),
        (["train", "nowhere"], "no documents to learn from"),
        (["evaluate", "en_core_web_sm", "nowhere"], "Cannot read"),
        (["evaluate", "no_such_model", "nowhere"], "no spaCy model"),
        (["evaluate", "en_core_web_sm", "nowhere", "--part", "tset"], "There are train, dev, test"),
        (["evaluate", "en_core_web_sm", "nowhere", "--schema", "nothing"], "There are: event"),
        (["evaluate", "--effort", "gold.jsonl", "tasks.json"], "→ labeling effort gold.jsonl tasks.json"),
        (["effort", "nowhere.jsonl", "nowhere.json"], "nowhere.jsonl"),
        (["schema", "show", "nothing"], "no schema"),
    ],
)
def test_failure_is_one_message_with_what_to_do(run, articles, args, said):
    done = run(*args)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:9", "No Label Studio answers"),
        ("localhost:8080", "Did you mean http://localhost:8080?"),
        ("nonsense", "http:// is missing"),
    ],
)
def test_wrong_url_is_named_and_the_token_is_not(run, url, said):
    done = run("status", LABEL_STUDIO_URL=url, LABEL_STUDIO_API_KEY="verysecrettoken")
    assert done.returncode == 2
    assert said in done.stderr
    assert "verysecrettoken" not in done.stderr + done.stdout


def test_settings_with_problems_name_each(run, tmp_path):
    (tmp_path / "labeling.toml").write_text('titel = "x"\nmodel = 3\n[split]\ndev = 60\ntest = 60\n')
    done = run("status")
    assert done.returncode == 2
    for name in ("titel", "model", "split"):
        assert name in done.stderr


def test_unwritable_folder_is_a_message(run, articles, tmp_path):
    (tmp_path / "file").write_text("")
    done = run("annotate", articles, "-o", "file/tasks.json")
    assert done.returncode == 2
    assert "Cannot write" in done.stderr


def test_schema_is_shown_checked_and_written_as_xml(run, tmp_path):
    assert "ACTOR" in run("schema", "show").stdout
    assert run("schema", "check").returncode == 0
    assert run("schema", "xml").stdout.startswith("<View>")
    (tmp_path / "bad.toml").write_text('name = "bad"\nversion = "1"\ntitle = "Bad one"\n[labels.A]\ncolor = "red"\n')
    done = run("schema", "check", "bad.toml")
    assert done.returncode == 2
    assert "labels.A.color" in done.stderr
    (tmp_path / "odd.toml").write_text(
        'name = "odd"\nversion = "1"\ntitle = "Odd"\n[[labels.A.patterns]]\npattern = [{ NOTHING = "x" }]\n'
    )
    done = run("schema", "check", "odd.toml")
    assert done.returncode == 2
    assert "labels.A.patterns" in done.stderr


def test_doctor_says_what_to_do(run):
    done = run("doctor")
    assert done.returncode == 1
    assert "ok  model" in done.stdout
    assert "labeling studio start" in done.stdout
