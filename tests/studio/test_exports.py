"""Files from Label Studio's Export button: the right one is read, each wrong one is named."""

import json

import pytest

from labeling.errors import InputError
from labeling.studio.exports import read_export

TASKS = [{"id": 1, "data": {"text": "Rebels\u2028left 😀."}, "annotations": []}, {"id": 2, "data": {"text": "No."}}]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(TASKS),
        json.dumps(TASKS, indent=2, ensure_ascii=False),
        "\ufeff \n" + json.dumps(TASKS),
        json.dumps({"tasks": TASKS, "total": 2, "total_annotations": 0}),
        "\n".join(map(json.dumps, TASKS)),
        "\r\n\r\n".join(map(json.dumps, TASKS)) + "\r\n",
        # other programs write U+2028 as it is
        "\n".join(json.dumps(task, ensure_ascii=False) for task in TASKS),
    ],
)
def test_exports_read_gives_the_tasks_of_each_form(text: str):
    assert read_export(text, "e.json") == TASKS


def test_exports_read_takes_a_single_task_and_none():
    assert read_export(json.dumps(TASKS[0]), "e.json") == TASKS[:1]
    assert read_export("[]", "e.json") == []
    assert read_export('{"tasks": []}', "e.json") == []


def test_exports_read_leaves_what_is_no_task_among_tasks_to_be_named_there():
    assert read_export('[3, {"data": {}}]', "e.json") == [3, {"data": {}}]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "is empty"),
        ("\ufeff \n", "is empty"),
        ("text,id,sentiment,annotator,label\nRebels left.,1,x,1,[]\n", "a CSV or TSV export"),
        ("text\tid\nRebels left.\t1\n", "a CSV or TSV export"),
        ("-DOCSTART- -X- O\nRebels -X- _ B-ACTOR\n", "a CoNLL export"),
        ("Rebels -X- _ B-ACTOR\n", "a CoNLL export"),
        ("Dear all", "no JSON"),
        ("null", "no JSON"),
        (json.dumps([{"id": 1, "text": "a", "annotator": 1, "lead_time": 2.0}]), "a JSON-MIN export"),
        (json.dumps([{"text": "a"}]), "no Label Studio export"),
        (json.dumps({"detail": "Not found."}), "no Label Studio export"),
        (json.dumps(TASKS)[:-20], "is not valid JSON"),
        ("\n".join(map(json.dumps, TASKS))[:-20], "is not valid JSON"),
        ('[{"data": {"text": "a\nb"}}]', "is not valid JSON"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ('{"data":' * 100_000, "nested too deeply"),
        ("[" + "9" * 5000 + "]", "is not valid JSON"),
    ],
)
def test_exports_read_names_what_else_it_is_and_the_button(text: str, kind: str):
    with pytest.raises(InputError) as caught:
        read_export(text, "e.json")
    assert caught.value.message.startswith("e.json is ")
    assert kind in caught.value.message
    assert "press Export and choose JSON" in caught.value.hint
