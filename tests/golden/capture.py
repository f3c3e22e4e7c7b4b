"""Makes the golden cases anew from the real Label Studio of this environment, with a real Chromium.

    .venv/bin/python tests/golden/capture.py [FOLDER]

The server is started in a temporary folder, or found in FOLDER, and is stopped at the end. Ids and times differ from
one run to the next; what the labels are stands in `expected.json`, made from what is done here and not from what the
server answers.
"""

import contextlib
import json
import re
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import hands
import httpx
from playwright.sync_api import BrowserContext, Page, sync_playwright

from labeling.core.schema import LabelSchema
from labeling.studio import server
from labeling.studio.config import to_xml
from labeling.studio.setup import read_credentials

HERE = Path(__file__).parent
Json = dict[str, Any]
SECOND = "second@example.org"

# After the event schema's own controls: a second group of labels, four controls of a region, two of the task.
MORE = """<View>
<Labels name="kind" toName="text"><Label value="PERSON" hotkey="5"/><Label value="QUOTE" hotkey="6"/></Labels>
<Choices name="certainty" toName="text" perRegion="true"><Choice value="certain"/><Choice value="claimed"/></Choices>
<TextArea name="lemma" toName="text" perRegion="true"/>
<Number name="count" toName="text" perRegion="true"/>
<Taxonomy name="topic" toName="text" perRegion="true">
  <Choice value="Conflict"><Choice value="Attack"/></Choice>
</Taxonomy>
<Choices name="genre" toName="text" choice="multiple"><Choice value="report"/><Choice value="opinion"/></Choices>
<TextArea name="note" toName="text"/>
</View>"""
PAGES = """<View>
<Labels name="label" toName="text"><Label value="ACTOR" hotkey="1"/><Label value="LOCATION" hotkey="2"/></Labels>
<HyperTextLabels name="mark" toName="text"><Label value="TITLE" hotkey="3"/></HyperTextLabels>
<Relations><Relation value="place"/></Relations>
<HyperText name="text" value="$html"/>
</View>"""
TALK = """<View>
<ParagraphLabels name="speech" toName="talk"><Label value="CLAIM" hotkey="1"/></ParagraphLabels>
<Paragraphs name="talk" value="$dialogue" layout="dialogue" nameKey="author" textKey="text"/>
<Labels name="label" toName="text"><Label value="ACTOR" hotkey="2"/></Labels>
<Text name="text" value="$text"/>
</View>"""

SPANS_TEXTS = {
    # a ZWJ family, combining marks, an emoji beyond the Basic Multilingual Plane
    "emoji": "Rebels 👩‍👩‍👧 led by Zoë S\u030cimic\u0301 😀 attacked Tadmor on Friday.",
    "lines": "The first line ends here.\nThe army left Doha\n\nand Homs on Monday.",
    "crlf": "One army\r\nleft Doha\r\n\r\non Monday.",
    "nested": "Foreign Minister Zoë Šimić of Syria said rebels attacked 12 villages near Tadmor.",
    "quotes": "Police arrested 40 protesters\nin Paris on Sunday.",
    "changed": "The army attacked Tadmor 😀 and Doha.",
    "rtl": "הצבא תקף את דמשק ביום שני.",
}
STATES_TEXTS = {
    "skipped": "To be skipped: the army left Paris.",
    "draft": "A draft only: the army left Homs.",
    "redraft": "Submitted, then drafted: the army left Doha.",
    "two": "Two people read of the army in Tadmor.",
    "truth": "One of two is the truth: the army in Aleppo.",
    "empty": "Nothing happened.",
    "pending": "Nobody opened this: the army in Idlib.",
}
PAGES_HTML = {
    "article": """<!-- first comment -->
<h1>Rebels 😀 leave <em>Tadmor</em></h1>

<p>The army&nbsp;of <b>Zoë <i>Šimić</i></b> attacked<br>Doha &amp; Homs on Friday.</p>
<ul>
  <li>Talks began in Paris.</li>
  <li>They <!-- inner comment --> failed.</li>
</ul>
<table>
  <tr><td>Monday</td><td>12 dead</td></tr>
</table>
<p>Later 😀 the army left.</p>
<p>The end.</p>""",
    "document": """<!DOCTYPE html>
<html><head><title>Rebels &amp; talks</title><style>p { color: #222; }</style></head>
<body>
  <p>Police arrested 40 protesters.</p>
  <script>var x = 1;</script>
  <style>b { color: #333; }</style>
  <p>They were <b>freed</b> in <a href="/paris">Paris</a>.</p>
  <p>The end.</p>
</body></html>""",
    "crlf": "<div>Rebels left\r\nTadmor.</div>\r\n<pre>\r\nOne army\r\n  two</pre>\r\n<p>Doha<p>Homs\r\n<p>The end.",
}
TALK_DATA = {
    "doc_id": "talk",
    "text": "The minister spoke 😀 in Doha.",
    "dialogue": [
        {"author": "Host", "text": "Good evening 😀. Who attacked Tadmor?"},
        {"author": "Guest", "text": "The rebels did.\nThe army denied it."},
    ],
}


def main(folder: Path) -> None:
    """Start the server, do the work of three annotators, keep what it exports, stop the server."""
    running = server.start(folder, port=0)
    login = read_credentials(folder)
    assert login
    token = {"Authorization": f"Token {login.token.get_secret_value()}"}
    try:
        with (
            httpx.Client(base_url=running.url, headers=token, timeout=60, trust_env=False) as api,
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=hands.BROWSER)

            def person(email: str, password: str) -> BrowserContext:
                context = browser.new_context(viewport={"width": 1440, "height": 1100})
                log_in(context.new_page(), running.url, email, password)
                return context

            owner = person(login.email, login.password.get_secret_value())
            second = person(*invited(api))
            expected = {
                "spans": capture_spans(api, owner),
                "states": capture_states(api, owner, second),
                "pages": capture_pages(api, owner),
                "talk": capture_talk(api, owner),
            }
            (HERE / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, indent=1) + "\n")
    finally:
        server.stop(folder)


# The four projects, each: what is done, and what is meant by it


def capture_spans(api: httpx.Client, owner: BrowserContext) -> list[Json]:
    """Texts of many kinds, labelled by hand or from predictions; one annotation each."""
    texts = SPANS_TEXTS
    nested = [
        region(texts["nested"], "n1", "ACTOR", "Zoë Šimić"),
        region(texts["nested"], "n2", "ACTOR", "Foreign Minister Zoë Šimić of Syria"),
        region(texts["nested"], "n3", "LOCATION", "Syria"),
        region(texts["nested"], "n4", "ACTION", "said", score=0.75),
        region(texts["nested"], "n5", "ACTOR", "rebels"),
        region(texts["nested"], "n6", "ACTION", "attacked"),
        region(texts["nested"], "n7", "LOCATION", "villages near Tadmor"),
        region(texts["nested"], "n8", "LOCATION", "Tadmor"),
        region(texts["nested"], "n9", "QUOTE", "rebels attacked 12", control="kind"),
        region(texts["nested"], "n10", "ACTOR", "12 villages"),
        *[
            region(texts["nested"], "n6", "", "attacked", control=control, kind=kind, value=value)
            for control, kind, value in (
                ("certainty", "choices", {"choices": ["claimed"]}),
                ("lemma", "textarea", {"text": ["attack"]}),
                ("count", "number", {"number": 12}),
                ("topic", "taxonomy", {"taxonomy": [["Conflict", "Attack"]]}),
            )
        ],
        arrow("n4", "n1", "right", ["agent"]),
        arrow("n5", "n6", "left", ["agent"]),
        arrow("n6", "n8", "bi", ["place"]),
        arrow("n6", "n7", "right", None),
    ]
    quotes = [
        region(texts["quotes"], "q1", "ACTOR", "Police", copy="Polizei"),
        region(texts["quotes"], "q2", "ACTION", "arrested", copy=None),
        region(texts["quotes"], "q3", "ACTOR", "protesters\nin Paris"),
        region(texts["quotes"], "q4", "DATE", "Sunday", copy="Sun"),
    ]
    changed = [
        region(texts["changed"], "c1", "ACTOR", "army"),
        region(texts["changed"], "c2", "ACTION", "attacked"),
        region(texts["changed"], "c3", "ACTOR", "Tadmor"),
        region(texts["changed"], "c4", "DATE", "and"),
        region(texts["changed"], "c5", "LOCATION", "Doha"),
    ]
    predictions = {"nested": nested, "quotes": quotes, "changed": changed}
    project, ids = imported(api, "Golden spans", events_config(), texts, predictions)

    with task(owner, api, project, ids["emoji"]) as page:
        hands.label(page, "1", "Rebels")
        hands.label(page, "5", "👩‍👩‍👧")
        hands.label(page, "1", "Zoë", "imic\u0301")
        hands.label(page, "2", "attacked")
        hands.label(page, "3", "Tadmor")
        hands.label(page, "4", "Friday")
        relate(page, "attacked", "Rebels")
        relate(page, "attacked", "Tadmor", label="place")
        relate(page, "Friday", "attacked", label="time", turns=2)
        hands.click(page, "attacked")
        page.keyboard.press("7")  # certain
        page.locator("input[name=lemma]").fill("attack")
        page.keyboard.press("Enter")
        page.locator("input[name=count]").fill("2")
    with task(owner, api, project, ids["lines"]) as page:
        hands.label(page, "1", "army")
        hands.label(page, "3", "Doha", "Homs")
        hands.label(page, "6", "here.", "The")
        page.keyboard.press("0")  # report
        page.locator("input[name=note]").fill("Two lines,\nin one")
        page.keyboard.press("Enter")
    with task(owner, api, project, ids["crlf"]) as page:
        hands.label(page, "1", "army", "left")
        hands.label(page, "3", "Doha")
        hands.label(page, "4", "Monday")
    with task(owner, api, project, ids["nested"]) as page:
        hands.label(page, "1", "villages")
    with task(owner, api, project, ids["quotes"]):
        pass
    with task(owner, api, project, ids["changed"]) as page:
        hands.click(page, "Tadmor")
        page.keyboard.press("3")
        page.keyboard.press("Escape")
        hands.click(page, "and")
        page.keyboard.press("Backspace")
    with task(owner, api, project, ids["rtl"]) as page:
        hands.label(page, "1", "הצבא")
        hands.label(page, "2", "תקף")
        hands.label(page, "3", "דמשק")
        hands.label(page, "4", "ביום", "שני")

    keep_exports(api, project, "spans", events_config())
    check_downloads(owner, api, project, "spans")
    return [
        meant(
            "emoji",
            texts["emoji"],
            [
                ("ACTOR", "Rebels"),
                ("PERSON", "👩‍👩‍👧"),
                ("ACTOR", "Zoë S\u030cimic\u0301"),
                ("ACTION", "attacked"),
                ("LOCATION", "Tadmor"),
                ("DATE", "Friday"),
            ],
            [("", "attacked", "Rebels"), ("place", "attacked", "Tadmor"), ("time", "attacked", "Friday")],
            of_regions={"attacked": {"certainty": ["certain"], "lemma": ["attack"], "count": 2}},
        ),
        meant(
            "lines",
            texts["lines"],
            [("ACTOR", "army"), ("LOCATION", "Doha", "Homs"), ("QUOTE", "here.", "The")],
            of_task={"genre": ["report"], "note": ["Two lines, in one"]},
        ),
        meant("crlf", texts["crlf"], [("ACTOR", "army", "left"), ("LOCATION", "Doha"), ("DATE", "Monday")]),
        meant(
            "nested",
            texts["nested"],
            [
                ("ACTOR", "Zoë Šimić"),
                ("ACTOR", "Foreign Minister Zoë Šimić of Syria"),
                ("LOCATION", "Syria"),
                ("ACTION", "said"),
                ("ACTOR", "rebels"),
                ("ACTION", "attacked"),
                ("LOCATION", "villages near Tadmor"),
                ("LOCATION", "Tadmor"),
                ("QUOTE", "rebels attacked 12"),
                ("ACTOR", "12 villages"),
                ("ACTOR", "villages"),
            ],
            [
                ("agent", "said", "Zoë Šimić"),
                ("agent", "attacked", "rebels"),
                ("place", "attacked", "Tadmor"),
                ("", "attacked", "villages near Tadmor"),
            ],
            both_ways=[["place", "attacked", "Tadmor"]],
            of_regions={
                "attacked": {
                    "certainty": ["claimed"],
                    "lemma": ["attack"],
                    "count": 12,
                    "topic": [["Conflict", "Attack"]],
                }
            },
        ),
        meant(
            "quotes",
            texts["quotes"],
            [("ACTOR", "Police"), ("ACTION", "arrested"), ("ACTOR", "protesters\nin Paris"), ("DATE", "Sunday")],
        ),
        meant(
            "changed",
            texts["changed"],
            [("ACTOR", "army"), ("ACTION", "attacked"), ("LOCATION", "Tadmor"), ("LOCATION", "Doha")],
        ),
        meant(
            "rtl",
            texts["rtl"],
            [("ACTOR", "הצבא"), ("ACTION", "תקף"), ("LOCATION", "דמשק"), ("DATE", "ביום שני")],
        ),
    ]


def capture_states(api: httpx.Client, owner: BrowserContext, second: BrowserContext) -> list[Json]:
    """Every state that a task can be in, some of them with two annotators."""
    texts = STATES_TEXTS
    predictions = {
        "skipped": [
            region(texts["skipped"], "s1", "ACTOR", "army"),
            region(texts["skipped"], "s2", "LOCATION", "Paris"),
        ],
        "pending": [region(texts["pending"], "p1", "ACTOR", "army")],
    }
    project, ids = imported(api, "Golden states", events_config(), texts, predictions)

    page = owner.new_page()  # Skip is offered in the stream alone, which begins with the first task
    page.goto(f"{api.base_url}/projects/{project}/data?labeling=1")
    page.wait_for_selector(".htx-highlight", timeout=60_000)
    page.wait_for_timeout(1500)
    page.get_by_role("button", name="Skip").first.click()
    page.wait_for_timeout(3000)
    page.close()
    with task(owner, api, project, ids["draft"], done="leave") as page:
        hands.label(page, "1", "army")
        hands.label(page, "3", "Homs")
    submit(api, ids["redraft"], [region(texts["redraft"], "r1", "ACTOR", "army")])
    with task(owner, api, project, ids["redraft"], done="leave") as page:
        hands.label(page, "3", "Doha")
    submit(api, ids["two"], [region(texts["two"], "t1", "ACTOR", "army")])
    with task(second, api, project, ids["two"], new=True) as page:
        hands.label(page, "1", "army")
        hands.label(page, "3", "Tadmor")
    truth = submit(api, ids["truth"], [region(texts["truth"], "g1", "LOCATION", "Aleppo")])
    submit(api, ids["truth"], [region(texts["truth"], "g2", "ACTOR", "army")])
    api.patch(f"/api/annotations/{truth}/", json={"ground_truth": True}).raise_for_status()
    with task(owner, api, project, ids["empty"]):
        pass

    keep_exports(api, project, "states", events_config())
    return [
        meant("skipped", texts["skipped"], [], state="skipped"),
        meant("draft", texts["draft"], [], state="draft", draft=[["ACTOR", "army"], ["LOCATION", "Homs"]]),
        meant(
            "redraft",
            texts["redraft"],
            [("ACTOR", "army")],
            state="reviewed",
            draft=[["ACTOR", "army"], ["LOCATION", "Doha"]],
        ),
        meant(
            "two",
            texts["two"],
            [("ACTOR", "army"), ("LOCATION", "Tadmor")],
            state="reviewed",
            annotations=[
                {"by": server.EMAIL, "spans": [["ACTOR", "army"]]},
                {"by": SECOND, "spans": [["ACTOR", "army"], ["LOCATION", "Tadmor"]]},
            ],
        ),
        meant(
            "truth",
            texts["truth"],
            [("LOCATION", "Aleppo")],  # as ground truth, and as the one touched last; the other one is younger
            state="reviewed",
            annotations=[
                {"by": server.EMAIL, "spans": [["LOCATION", "Aleppo"]], "ground_truth": True},
                {"by": server.EMAIL, "spans": [["ACTOR", "army"]]},
            ],
        ),
        meant("empty", texts["empty"], [], state="reviewed-empty"),
        meant("pending", texts["pending"], [], state="pending"),
    ]


def capture_pages(api: httpx.Client, owner: BrowserContext) -> list[Json]:
    """HyperText, labelled by hand: XPaths and global offsets are the editor's own, and checked in the browser."""
    project, ids = imported(api, "Golden pages", PAGES, PAGES_HTML, {}, field="html")
    shown: list[Json] = []
    work: dict[str, list[tuple[str, ...]]] = {
        "article": [
            ("1", "ACTOR", "Rebels"),
            ("2", "LOCATION", "Tadmor"),
            ("1", "ACTOR", "😀 leave"),
            ("1", "ACTOR", "army\u00a0of"),
            ("1", "ACTOR", "Zoë", "Šimić"),
            ("1", "ACTOR", "attacked", "Doha"),
            ("2", "LOCATION", "Doha & Homs"),
            ("3", "TITLE", "Talks", "They"),
            ("1", "ACTOR", "failed"),
            ("2", "LOCATION", "Monday", "12"),
            ("3", "TITLE", "12 dead"),
            ("1", "ACTOR", "army left"),
        ],
        "document": [
            ("1", "ACTOR", "Police"),
            ("2", "LOCATION", "40 protesters", "freed"),
            ("3", "TITLE", "They were"),
        ],
        "crlf": [
            ("1", "ACTOR", "left", "Tadmor"),
            ("1", "ACTOR", "One", "two"),
            ("2", "LOCATION", "Doha", "Homs"),
        ],
    }
    relations = {"article": [("place", "Rebels", "Tadmor")]}
    for doc_id, labels in work.items():
        with task(owner, api, project, ids[doc_id]) as page:
            frame = page.frames[1]
            shown.append(
                {"doc_id": doc_id} | frame.evaluate(hands.SHOWN, frame.frame_element().get_attribute("srcdoc"))
            )
            for key, _, *quotes in labels:
                hands.label(page, key, *quotes)
            for label, head, tail in relations.get(doc_id, ()):
                relate(page, head, tail, label=label)
        (annotation,) = api.get(f"/api/tasks/{ids[doc_id]}/").json()["annotations"]
        for item in annotation["result"]:
            if item["type"] != "relation":
                check_page_offsets(owner, shown[-1], item["value"])
    (HERE / "pages").mkdir(exist_ok=True)
    (HERE / "pages" / "shown.json").write_text(json.dumps(shown, ensure_ascii=False, indent=1) + "\n")
    keep_exports(api, project, "pages", PAGES)
    return [
        meant(
            page["doc_id"],
            page["text"],
            [tuple(rest) for _, *rest in work[page["doc_id"]]],
            relations.get(page["doc_id"], []),
        )
        for page in shown
    ]


def capture_talk(api: httpx.Client, owner: BrowserContext) -> list[Json]:
    """A dialogue in Paragraphs beside a Text."""
    project, ids = imported(api, "Golden talk", TALK, {}, {}, tasks=[TALK_DATA])
    with task(owner, api, project, ids["talk"]) as page:
        hands.label(page, "1", "Who attacked Tadmor")
        hands.label(page, "1", "rebels did", "The army")
        hands.label(page, "1", "Tadmor?", "The rebels")
        hands.label(page, "2", "minister")
        hands.label(page, "2", "Doha")
    keep_exports(api, project, "talk", TALK)
    turns = [turn["text"] for turn in TALK_DATA["dialogue"]]
    return [
        meant("talk", TALK_DATA["text"], [("ACTOR", "minister"), ("ACTOR", "Doha")])
        | {
            "turns": [
                [0, turns[0].index("Who"), 0, turns[0].index("?"), "Who attacked Tadmor", "CLAIM"],
                [1, turns[1].index("rebels"), 1, turns[1].index(" denied"), "rebels did.\nThe army", "CLAIM"],
                [0, turns[0].index("Tadmor"), 1, turns[1].index(" did"), "Tadmor?\nThe rebels", "CLAIM"],
            ]
        }
    ]


# What is meant


def meant(
    doc_id: str,
    text: str,
    labels: Sequence[tuple[str, ...]],
    relations: Sequence[tuple[str, str, str]] = (),
    **more: Any,
) -> Json:
    """A document as a careful human sees it.

    Spans are [start, end, text, label] in code points of the text, made from (label, first words, last words);
    relations are [label, text of the head, text of the tail], with an empty label where none was picked.
    """
    spans = []
    for label, first, *last in labels:
        start = text.index(first)
        end = text.index(last[0], start) + len(last[0]) if last else start + len(first)
        spans.append([start, end, text[start:end], label])
    return {"doc_id": doc_id, "text": text, "spans": spans, "relations": [list(r) for r in relations], **more}


# What goes in


def events_config() -> str:
    """The labeling config of the event schema, with more controls."""
    schema = LabelSchema.from_toml((HERE.parents[1] / "schemas" / "event.toml").read_text(encoding="utf-8"))
    view = ET.fromstring(to_xml(schema))
    for style in view.findall("Style"):
        view.remove(style)
    view.extend(ET.fromstring(MORE))
    return ET.tostring(view, encoding="unicode")


def region(
    text: str,
    name: str,
    label: str,
    quote: str,
    *,
    control: str = "label",
    kind: str = "labels",
    value: Json | None = None,
    copy: str | None = "",
    **more: Any,
) -> Json:
    """A region for a prediction, or for a submit by API; `copy` is another `value.text`, or None to leave it out."""
    start = text.index(quote)
    extent = {"start": start, "end": start + len(quote)} | ({} if copy is None else {"text": copy or quote})
    whole = extent | (value or {"labels": [label]})
    return {"id": name, "from_name": control, "to_name": "text", "type": kind, "value": whole, **more}


def arrow(head: str, tail: str, direction: str, labels: list[str] | None) -> Json:
    made = {"type": "relation", "from_id": head, "to_id": tail, "direction": direction}
    return made if labels is None else made | {"labels": labels}


def imported(
    api: httpx.Client,
    title: str,
    config: str,
    texts: dict[str, str],
    predictions: dict[str, list[Json]],
    field: str = "text",
    tasks: list[Json] | None = None,
) -> tuple[int, dict[str, int]]:
    """A new project with a task for each text: its number, and the tasks' by doc_id."""
    settings = {"title": title, "label_config": config, "show_collab_predictions": True, "maximum_annotations": 2}
    answer = api.post("/api/projects/", json=settings | {"sampling": "Sequential sampling"})
    answer.raise_for_status()
    project = answer.json()["id"]
    datas = tasks or [{"doc_id": doc_id, field: text} for doc_id, text in texts.items()]
    request = [
        {"data": data}
        | (
            {"predictions": [{"model_version": "m1", "score": 0.5, "result": predictions[data["doc_id"]]}]}
            if data["doc_id"] in predictions
            else {}
        )
        for data in datas
    ]
    answer = api.post(f"/api/projects/{project}/import?return_task_ids=true", json=request)
    answer.raise_for_status()
    return project, dict(zip([data["doc_id"] for data in datas], answer.json()["task_ids"], strict=True))


def submit(api: httpx.Client, number: int, result: list[Json]) -> int:
    """The number of an annotation that is submitted by API."""
    answer = api.post(f"/api/tasks/{number}/annotations/", json={"result": result, "lead_time": 5.5})
    answer.raise_for_status()
    return int(answer.json()["id"])


# Two people at their browsers


def invited(api: httpx.Client) -> tuple[str, str]:
    """Address and password of a second annotator, who has just signed up by invitation."""
    path = api.get("/api/invite").json()["invite_url"]
    password = secrets.token_urlsafe(12)
    with httpx.Client(base_url=api.base_url, trust_env=False) as guest:
        form = guest.get(path).text
        (ticket,) = set(re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', form))
        answer = guest.post(path, data={"csrfmiddlewaretoken": ticket, "email": SECOND, "password": password})
        assert answer.status_code == 302, answer.text
    return SECOND, password


def log_in(page: Page, url: str, email: str, password: str) -> None:
    page.goto(f"{url}/user/login/")
    page.fill("input[name=email]", email)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "/user/login" not in url)
    page.close()


@contextlib.contextmanager
def task(
    person: BrowserContext, api: httpx.Client, project: int, number: int, *, done: str = "submit", new: bool = False
) -> Iterator[Page]:
    """The page of a task; at the end it is submitted, or left with what the editor saves by itself."""
    before = len(api.get(f"/api/tasks/{number}/").json()["annotations"])
    page = person.new_page()
    page.goto(f"{api.base_url}/projects/{project}/data?task={number}")
    page.wait_for_selector(".lsf-richtext__container, iframe.lsf-richtext__iframe", timeout=60_000)
    page.wait_for_timeout(2500)
    if new:  # another one's annotation is shown first
        page.get_by_role("button", name="Create an annotation").click()
        page.wait_for_timeout(1000)
    yield page
    if done == "leave":
        page.wait_for_timeout(8000)
    else:
        page.get_by_role("button", name="Submit").first.click()
        for _ in range(40):
            page.wait_for_timeout(250)
            if len(api.get(f"/api/tasks/{number}/").json()["annotations"]) > before:
                break
        else:
            raise RuntimeError(f"task {number} was not submitted")
    page.close()


def relate(page: Page, head: str, tail: str, label: str = "", turns: int = 0) -> None:
    """Draw an arrow from region to region, pick its label, and click its direction so many times."""
    hands.click(page, head)
    page.keyboard.press("Alt+r")
    page.wait_for_timeout(300)
    hands.click(page, tail)
    page.get_by_text("Relations").locator("visible=true").last.click()
    page.wait_for_timeout(300)
    item = page.locator(".lsf-relations__item").last
    for _ in range(turns):
        item.locator(".lsf-relations__direction").click()
        page.wait_for_timeout(300)
    if label:
        item.hover()
        item.locator(".lsf-relations__action button").first.click()
        item.get_by_text("Select labels").click()
        page.get_by_role("option", name=label).first.click()
        page.keyboard.press("Escape")
        page.wait_for_timeout(300)
    page.keyboard.press("Escape")


# Where a region is by its XPaths, in code points of what is shown.
EXTENT = """([srcdoc, value]) => {
    const page = new DOMParser().parseFromString(srcdoc, 'text/html');
    const first = XPathResult.FIRST_ORDERED_NODE_TYPE;
    const find = path => page.evaluate('.' + path, page.body, null, first).singleNodeValue;
    const [a, z] = [find(value.start), find(value.end)];
    const before = (node, at) => {
        const walker = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
        let text = '';
        for (let n = walker.nextNode(); n && n !== node; n = walker.nextNode())
            text += n.nodeType === Node.TEXT_NODE ? n.data : n.nodeName === 'BR' ? '\\n' : '';
        return [...(text + node.data.slice(0, at))].length;
    };
    return [before(a, value.startOffset), before(z, value.endOffset)];
}"""


def check_page_offsets(person: BrowserContext, shown: Json, value: Json) -> None:
    """What README.md says of globalOffsets, as an assertion: code points of the body's texts, a <br> being one more."""
    page = person.pages[0] if person.pages else person.new_page()
    found = page.evaluate(EXTENT, [shown["html"], value])
    assert found == [value["globalOffsets"]["start"], value["globalOffsets"]["end"]], (found, value)


# What comes out


def keep_exports(api: httpx.Client, project: int, name: str, config: str) -> None:
    """Every kind of export, as the server sends it."""
    out = HERE / name
    out.mkdir(exist_ok=True)
    (out / "config.xml").write_text(config)

    def keep(file: str, path: str, **query: Any) -> None:
        answer = api.get(path, params=query)
        answer.raise_for_status()
        (out / file).write_bytes(answer.content)

    export = f"/api/projects/{project}/export"
    keep("quick.json", export, exportType="JSON")
    keep("quick-all.json", export, exportType="JSON", download_all_tasks="true")
    keep("min.json", export, exportType="JSON_MIN")
    keep("api-tasks.json", "/api/tasks/", project=project, fields="all", page_size=100)
    if name in ("spans", "states"):
        keep("export.csv", export, exportType="CSV")
        keep("export.tsv", export, exportType="TSV")
        keep("conll2003.conll", export, exportType="CONLL2003")
        inline = {"drafts": {"only_id": False}, "predictions": {"only_id": False}}
        inline["annotations__completed_by"] = {"only_id": False}
        for file, settings in (("snapshot.json", {}), ("snapshot-inline.json", {"serialization_options": inline})):
            made = api.post(f"/api/projects/{project}/exports/", json={"title": name} | settings).json()["id"]
            for _ in range(60):
                if api.get(f"/api/projects/{project}/exports/{made}").json()["status"] == "completed":
                    break
                time.sleep(0.5)
            keep(file, f"/api/projects/{project}/exports/{made}/download", exportType="JSON")


def check_downloads(person: BrowserContext, api: httpx.Client, project: int, name: str) -> None:
    """What README.md says of the Export button, as an assertion: a person gets the same bytes, in a plain file."""
    page = person.new_page()
    page.goto(f"{api.base_url}/projects/{project}/data/export")
    page.locator(".lsf-formats__list").wait_for(timeout=60_000)
    page.wait_for_timeout(1500)
    for form, file in (("JSON", "quick.json"), ("CONLL2003", "conll2003.conll")):
        # by script, since the list and the button lie over and below one another
        page.evaluate(
            """form => [...document.querySelectorAll('.lsf-formats__item')]
                .find(item => item.querySelector('.lsf-formats__name').firstChild.data === form).click()""",
            form,
        )
        page.wait_for_timeout(500)
        with page.expect_download(timeout=60_000) as caught:
            page.evaluate(
                "[...document.querySelectorAll('button')].findLast(b => b.innerText.trim() === 'Export').click()"
            )
        assert Path(caught.value.path()).read_bytes() == (HERE / name / file).read_bytes()
        assert Path(caught.value.suggested_filename).suffix == Path(file).suffix
        page.wait_for_timeout(1500)
    page.close()


if __name__ == "__main__":
    with contextlib.ExitStack() as stack:
        main(Path(sys.argv[1] if sys.argv[1:] else stack.enter_context(tempfile.TemporaryDirectory())))
