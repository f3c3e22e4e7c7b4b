"""A long article is in the project in several tasks, one for each of its parts, whatever happens on the way."""

from typing import Any

import httpx
import pytest

from labeling.core.labels import LabeledDoc
from labeling.settings import Workspace, open_workspace
from labeling.workflow.documents import read_documents
from labeling.workflow.export.commands import export_project
from labeling.workflow.importing.report import Imported
from tests.transports import Between, Send
from tests.workflow.importing.pushing import asking_for_no_article, newer, push

pytestmark = pytest.mark.studio

PARAGRAPHS = [f"Police arrested {n} protesters in Paris on Monday. Rebels attacked the town." for n in range(20)]
LONG = "\n\n".join(PARAGRAPHS)
TEXTS = {"long": LONG, "short": "Police arrested nobody in Paris."}
PARTS = 4


def with_limits(workspace: Workspace, characters: int = 400) -> Workspace:
    """The workspace, in which an article of more characters becomes several tasks."""
    file = workspace.folder / "labeling.toml"
    lines = [line for line in file.read_text().splitlines() if not line.startswith("task_")]
    at = lines.index("[articles]") + 1
    file.write_text("\n".join([*lines[:at], f"task_characters = {characters}", *lines[at:]]))
    return open_workspace(workspace.folder)


@pytest.fixture
def divided(workspace: Workspace) -> Workspace:
    return with_limits(workspace, len(LONG) // PARTS + 80)


def parts_of(workspace: Workspace, api: httpx.Client, doc_id: str = "long") -> list[dict[str, Any]]:
    """The project's tasks of an article, in order of their numbers."""
    params = {"project": workspace.remembered_project(), "fields": "all", "page_size": 100}
    found = api.get("/api/tasks/", params=params).json()["tasks"]
    return sorted((task for task in found if task["data"]["doc_id"] == doc_id), key=lambda task: task["id"])


def test_a_long_article_is_in_several_tasks_and_a_second_import_adds_nothing(divided: Workspace, api):
    done = push(divided, TEXTS)
    assert done.outcomes == {"new": 2} and done.sectioned.model_dump() == {"articles": 1, "tasks": PARTS}
    parts = parts_of(divided, api)
    assert "".join(part["data"]["text"] for part in parts) == LONG
    assert [part["data"]["part"] for part in parts] == [f"part {n} of {PARTS}" for n in range(1, PARTS + 1)]
    assert all(part["data"]["byline"].endswith(part["data"]["part"]) for part in parts)
    scores = [part["predictions"][0]["score"] for part in parts]
    assert scores == sorted(scores) and all(part["predictions"][0]["result"] for part in parts)
    assert "part" not in parts_of(divided, api, "short")[0]["data"]
    again = push(divided, TEXTS, transport=asking_for_no_article())
    assert again.outcomes == {"there already": 2} and not again.sectioned.articles
    (ledger,) = divided.state.glob("import-*.sqlite")
    ledger.unlink()
    assert push(divided, TEXTS).outcomes == {"there already": 2}
    assert [part["id"] for part in parts_of(divided, api)] == [part["id"] for part in parts]


def test_an_article_stays_as_it_is_in_the_project_whatever_the_settings_say_later(workspace: Workspace, api):
    whole = with_limits(workspace, 0)
    push(whole, {"whole": LONG})
    limited = with_limits(workspace, 400)
    assert push(limited, {"whole": LONG, "long": LONG + "\n\nMore."}).outcomes == {"there already": 1, "new": 1}
    assert len(parts_of(limited, api, "whole")) == 1
    parts = len(parts_of(limited, api))
    other = newer(with_limits(workspace, 700))
    assert push(other, {"whole": LONG, "long": LONG + "\n\nMore."}).outcomes == {"new predictions": 2}
    assert (len(parts_of(other, api, "whole")), len(parts_of(other, api))) == (1, parts)
    assert all(len(part["predictions"]) == 1 for part in parts_of(other, api))


def test_parts_that_nobody_has_begun_get_new_predictions(divided: Workspace, api):
    old = push(divided, TEXTS).model_version
    begun = parts_of(divided, api)[1]["id"]
    api.post(f"/api/tasks/{begun}/annotations/", json={"result": []})
    divided = newer(divided)
    done = push(divided, TEXTS)
    assert done.outcomes == {"new predictions": 2}
    versions = [part["predictions"][0]["model_version"] for part in parts_of(divided, api)]
    assert versions == [done.model_version, old, *[done.model_version] * (PARTS - 2)]
    assert push(divided, TEXTS).outcomes == {"there already": 2}


def test_a_part_that_somebody_deleted_is_pushed_again(divided: Workspace, api):
    push(divided, TEXTS)
    before = parts_of(divided, api)
    assert api.delete(f"/api/tasks/{before[2]['id']}/").is_success
    assert push(divided, TEXTS).outcomes == {"missing parts added": 1, "there already": 1}
    after = sorted(parts_of(divided, api), key=lambda part: part["data"]["section"]["number"])
    assert [part["data"] for part in after] == [part["data"] for part in before]
    assert push(divided, TEXTS).outcomes == {"there already": 2}


def lose_predictions_of(workspace: Workspace, api: httpx.Client, part: int) -> None:
    """Delete the predictions of a part, until the server says that they are gone."""
    for _ in range(10):
        left = parts_of(workspace, api)[part]["predictions"]
        if not left:
            return
        for prediction in left:
            api.delete(f"/api/predictions/{prediction['id']}/")
    raise AssertionError(f"the server keeps {left}")


def counted_as_before(request: httpx.Request, send: Send) -> httpx.Response:
    """The server's answer, in which every task has the number of predictions that it had."""
    answer = send(request)
    if request.method != "GET" or request.url.path != "/api/tasks/":
        return answer
    answer.read()
    page = answer.json()
    page["tasks"] = [task | {"total_predictions": 1} for task in page["tasks"]]
    return httpx.Response(answer.status_code, json=page)


@pytest.mark.parametrize("case", ["in step", "without the ledger", "counted as before"])
def test_a_part_that_lost_its_prediction_gets_it_again(divided: Workspace, api, case: str):
    push(divided, TEXTS)
    lost = parts_of(divided, api)[1]
    lose_predictions_of(divided, api, 1)
    if case == "without the ledger":
        (file,) = divided.state.glob("import-*.sqlite")
        file.unlink()
    transport = Between(counted_as_before) if case == "counted as before" else None
    done = push(divided, TEXTS, transport=transport)
    assert (done.outcomes, done.repaired) == ({"there already": 2}, 1), (lost, parts_of(divided, api)[1], done.problems)
    assert [len(part["predictions"]) for part in parts_of(divided, api)] == [1] * PARTS
    assert parts_of(divided, api)[1]["predictions"][0]["result"] == lost["predictions"][0]["result"]


def test_a_changed_text_is_refused_or_replaces_all_parts(divided: Workspace, api):
    push(divided, TEXTS)
    changed = TEXTS | {"long": LONG.replace("attacked", "left")}
    assert push(divided, changed).outcomes == {"text differs, refused": 1, "there already": 1}
    done = push(divided, changed, replace=True)
    assert done.outcomes == {"replaced text": 1, "there already": 1} and done.set_aside == PARTS
    assert "".join(part["data"]["text"] for part in parts_of(divided, api)) == changed["long"]
    api.post(f"/api/tasks/{parts_of(divided, api)[0]['id']}/annotations/", json={"result": []})
    assert push(divided, TEXTS, replace=True).outcomes == {"text differs, refused": 1, "there already": 1}


@pytest.mark.parametrize("arrives", ["and the server did it", "and the server did it twice", "and it never arrived"])
def test_whatever_becomes_of_a_request_each_part_is_there_once(divided: Workspace, api, arrives: str):
    answered: list[str] = []

    def lose_the_first(request: httpx.Request, send: Send) -> httpx.Response:
        if request.url.path.endswith("/import") and not answered:
            answered.append(arrives)
            for _ in range({"and the server did it": 1, "and the server did it twice": 2}.get(arrives, 0)):
                send(request).read()
            raise httpx.ReadError("cut", request=request)
        return send(request)

    done = push(divided, TEXTS, transport=Between(lose_the_first))
    assert answered and done.outcomes == {"new": 2}
    assert [part["data"]["section"]["number"] for part in parts_of(divided, api)] == list(range(1, PARTS + 1))
    assert all(len(part["predictions"]) == 1 for part in parts_of(divided, api))
    assert push(divided, TEXTS).outcomes == {"there already": 2}


def submit(api: httpx.Client, part: dict[str, Any]) -> None:
    answer = api.post(f"/api/tasks/{part['id']}/annotations/", json={"result": part["predictions"][0]["result"]})
    answer.raise_for_status()


@pytest.mark.parametrize("which", ["all", "some"])
def test_what_was_reviewed_is_exported_as_one_document(divided: Workspace, api, which: str):
    push(divided, TEXTS)
    parts = parts_of(divided, api)
    starts = parts[0]["data"]["section"]["starts"]
    for part in parts if which == "all" else parts[:-1]:
        submit(api, part)
    document = exported(divided)
    assert document.text == LONG and document.doc_id == "long"
    assert document.unknown == (() if which == "all" else ((starts[-1], len(LONG)),))
    assert {document.slice(span) for span in document.spans} >= {"Police", "arrested", "Paris", "Monday"}
    assert len(document.spans) == sum(
        item["type"] == "labels"
        for part in (parts if which == "all" else parts[:-1])
        for item in part["predictions"][0]["result"]
    )


def exported(workspace: Workspace) -> LabeledDoc:
    done = export_project(workspace, workspace.folder / "out")
    return next(doc for doc in read_documents(done.folder / "docs.jsonl") if doc.doc_id == "long")


def test_the_report_of_an_import_without_long_articles_says_nothing_of_them(workspace: Workspace, api):
    done: Imported = push(workspace, {"short": TEXTS["short"]})
    assert done.sectioned.model_dump() == {"articles": 0, "tasks": 0}


def test_an_article_of_hundreds_of_parts_is_found_again(workspace: Workspace, api):
    book = "\n\n".join(f"Police arrested {n} protesters." for n in range(130))
    limited = with_limits(workspace, 40)
    assert push(limited, {"long": book}).sectioned.tasks == 130
    (ledger,) = limited.state.glob("import-*.sqlite")
    ledger.unlink()
    assert push(limited, {"long": book}).outcomes == {"there already": 1}
