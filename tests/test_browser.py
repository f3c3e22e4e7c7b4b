"""A person in the loop: a real Chromium on the real Label Studio, and the export holds exactly what was done there."""

import time
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc, Relation, Span
from labeling.core.normal import normal_form
from labeling.core.overlap import Overlap
from labeling.core.prefill import WithoutPrefill
from labeling.nlp.normal import with_normal_forms
from labeling.settings import Workspace
from labeling.studio import server
from labeling.studio.tasks import to_task
from labeling.workflow.agreement import agreement
from labeling.workflow.connecting import connect
from labeling.workflow.documents import read_documents
from labeling.workflow.export.commands import export_project
from labeling.workflow.export.report import Exported
from labeling.workflow.importing.command import import_articles
from labeling.workflow.page import project_in_step
from tests.browsing import drag_over, picture
from tests.builders import ROOT
from tests.golden.hands import BROWSER
from tests.workflow.importing.pushing import push, tasks, with_studio

pytestmark = [pytest.mark.studio, pytest.mark.browser]

TEXT = "Rebels 👩‍👩‍👧 attacked Tadmor on Friday, <b> Zoë Šimić </b> said.\n\nThe army fled."


def exported_once_submitted(page: Page, workspace: Workspace, folder: Path) -> Exported:
    """The export, as soon as it holds what was submitted on the page; after half a minute as it is."""
    deadline = time.monotonic() + 30
    while True:
        done = export_project(workspace, folder)
        if done.manifest["tasks"]["reviewed"] or time.monotonic() > deadline:
            return done
        page.wait_for_timeout(500)


def highlights(page: Page) -> list[str]:
    return page.locator(".htx-highlight").all_inner_texts()


def test_annotator_corrects_a_task_and_the_export_holds_exactly_that(workspace: Workspace, page: Page, tmp_path: Path):
    def span(name: str, quote: str, label: str) -> Span:
        start = TEXT.index(quote)
        return Span(id=name, start=start, end=start + len(quote), label=label, score=0.5)

    predicted = LabeledDoc.of(
        Article(doc_id="x", text=TEXT, title="Army & rebels <at war>", source="Wire", published="2026-02-14"),
        (
            span("rebels", "Rebels", "ACTOR"),
            span("attacked", "attacked", "ACTION"),
            span("tadmor", "Tadmor", "LOCATION"),
            span("friday", "Friday", "DATE"),
            span("wrong", "<b>", "ACTOR"),
        ),
        (
            Relation(head="attacked", tail="rebels", label="agent"),
            Relation(head="attacked", tail="tadmor", label="place"),
        ),
    )
    with connect(workspace) as studio:
        project, _ = project_in_step(studio, workspace)
        studio.create(project, [to_task(predicted, "model-1")])
        studio.prefill(project, "model-1")

    page.goto(f"{project.url}?labeling=1")
    page.wait_for_selector(".htx-highlight", timeout=60_000)
    page.wait_for_timeout(1500)  # the arrows are drawn after the text
    picture(page, "1-pre-annotated")
    assert highlights(page) == ["Rebels", "attacked", "Tadmor", "Friday", "<b>"]
    assert page.get_by_text("Army & rebels <at war>").is_visible()
    assert page.get_by_text("Wire · 2026-02-14").is_visible()
    arrows = page.locator("svg text").all_text_contents()
    assert {"agent", "place"} <= set(arrows)
    colours = page.locator(".htx-highlight").evaluate_all("all => all.map(e => getComputedStyle(e).backgroundColor)")
    assert len(set(colours)) == 4

    page.keyboard.press("1")  # ACTOR
    drag_over(page, "Zoë Šimić")
    page.wait_for_function("document.querySelectorAll('.htx-highlight').length === 6")
    page.locator(".htx-highlight", has_text="<b>").first.click()
    page.keyboard.press("Backspace")
    page.wait_for_function("document.querySelectorAll('.htx-highlight').length === 5")
    picture(page, "2-corrected")
    page.get_by_role("button", name="Submit").first.click()

    done = exported_once_submitted(page, workspace, tmp_path / "out")
    (doc,) = read_documents(tmp_path / "out" / "docs.jsonl")
    picture(page, "3-submitted")
    assert [(doc.slice(s), s.label) for s in doc.spans] == [
        ("Rebels", "ACTOR"),
        ("attacked", "ACTION"),
        ("Tadmor", "LOCATION"),
        ("Friday", "DATE"),
        ("Zoë Šimić", "ACTOR"),
    ]
    assert doc.relations == predicted.relations
    assert doc.text == TEXT
    assert done.problems == ()


def test_annotator_draws_a_relation_in_three_gestures_and_its_direction_names_it(
    workspace: Workspace, page: Page, tmp_path: Path
):
    text = "Rebels attacked soldiers and the army fled Tadmor."
    labels = {
        "Rebels": "ACTOR",
        "attacked": "ACTION",
        "soldiers": "ACTOR",
        "army": "ACTOR",
        "fled": "ACTION",
        "Tadmor": "LOCATION",
    }
    predicted = LabeledDoc.of(
        Article(doc_id="x", text=text),
        tuple(
            Span(id=quote, start=text.index(quote), end=text.index(quote) + len(quote), label=label)
            for quote, label in labels.items()
        ),
        (Relation(head="fled", tail="army", label="agent"),),
    )
    with connect(workspace) as studio:
        project, _ = project_in_step(studio, workspace)
        studio.create(project, [to_task(predicted, "model-1", workspace.label_schema)])
        studio.prefill(project, "model-1")
    page.goto(f"{project.url}?labeling=1")
    page.wait_for_selector(".htx-highlight", timeout=60_000)
    page.wait_for_timeout(1500)

    def draw(start: str, end: str) -> None:
        page.locator(".htx-highlight", has_text=start).first.click()
        page.keyboard.press("Alt+r")
        page.locator(".htx-highlight", has_text=end).first.click()

    draw("Rebels", "attacked")
    draw("attacked", "soldiers")
    draw("fled", "Tadmor")
    page.wait_for_function("document.querySelectorAll('.relations-overlay path[stroke]').length === 4")
    picture(page, "10-relations")
    page.get_by_role("button", name="Submit").first.click()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        done = export_project(workspace, tmp_path / "out")
        if done.manifest["tasks"]["reviewed"]:
            break
        page.wait_for_timeout(500)
    (doc,) = read_documents(tmp_path / "out" / "docs.jsonl")
    quotes = {span.id: doc.slice(span) for span in doc.spans}
    assert {(quotes[r.head], r.label, quotes[r.tail]) for r in doc.relations} == {
        ("attacked", "agent", "Rebels"),
        ("attacked", "target", "soldiers"),
        ("fled", "agent", "army"),
        ("fled", "place", "Tadmor"),
    }
    assert done.problems == ()


def test_annotator_sees_and_edits_normal_forms_and_the_export_keeps_them(
    workspace: Workspace, page: Page, tmp_path: Path
):
    text = "Rebels attacked Tadmor on Friday and fled to Kyiv on Sunday."

    def span(name: str, quote: str, label: str) -> Span:
        start = text.index(quote)
        return Span(id=name, start=start, end=start + len(quote), label=label, score=0.5)

    predicted = LabeledDoc.of(
        Article(doc_id="x", text=text, published="2026-02-17"),
        (
            span("rebels", "Rebels", "ACTOR"),
            span("tadmor", "Tadmor", "LOCATION"),
            span("friday", "Friday", "DATE"),
            span("kyiv", "Kyiv", "LOCATION"),
            span("sunday", "Sunday", "DATE"),
        ),
    )
    with connect(workspace) as studio:
        project, _ = project_in_step(studio, workspace)
        studio.create(project, [to_task(with_normal_forms(predicted, workspace.label_schema), "model-1")])
        studio.prefill(project, "model-1")
    page.goto(f"{project.url}?labeling=1")
    page.wait_for_selector(".htx-highlight", timeout=60_000)
    first = page.locator(".htx-highlight").first
    page.wait_for_timeout(1500)
    before = first.bounding_box()
    field, empty = page.locator(".labeling-normal"), page.locator(".labeling-normal input[name=normal]")

    def select(quote: str) -> None:
        page.locator(".htx-highlight", has_text=quote).first.click()

    select("Rebels")
    page.wait_for_timeout(300)
    assert not field.is_visible()  # an actor has no normal form
    select("Friday")
    field.get_by_text("2026-02-13", exact=True).wait_for()
    picture(page, "4-normal-form")
    assert first.bounding_box() == before  # the text stays where it is
    field.hover()
    field.get_by_label("Edit Region").click()
    page.keyboard.press("Control+A")
    page.keyboard.type("2026-02-12")  # digits are keys of labels too
    page.keyboard.press("Enter")
    field.get_by_text("2026-02-12", exact=True).wait_for()
    select("Kyiv")
    field.get_by_text("UA 50.45,30.52", exact=True).wait_for()
    field.hover()
    field.get_by_label("Delete Region").click()
    empty.wait_for()
    select("Tadmor")
    empty.fill("SY 34.56,38.28")
    empty.press("Enter")
    field.get_by_text("SY 34.56,38.28", exact=True).wait_for()
    picture(page, "5-normal-form-edited")
    page.get_by_role("button", name="Submit").first.click()

    done = exported_once_submitted(page, workspace, tmp_path / "out")
    (doc,) = read_documents(tmp_path / "out" / "docs.jsonl")
    assert [(doc.slice(s), s.label, normal_form(s)) for s in doc.spans] == [
        ("Rebels", "ACTOR", ""),
        ("Tadmor", "LOCATION", "SY 34.56,38.28"),
        ("Friday", "DATE", "2026-02-12"),
        ("Kyiv", "LOCATION", ""),
        ("Sunday", "DATE", "2026-02-15"),
    ]
    assert done.problems == ()


def test_annotator_sees_a_pre_annotation_and_what_it_says_of_itself_survives(
    workspace: Workspace, page: Page, tmp_path: Path
):
    articles = tmp_path / "articles"
    articles.mkdir()
    text = "Rebels attacked the army near Kyiv on 3 May 2024. Talks in Geneva collapsed on Friday, Ann Bell said."
    (articles / "one.txt").write_text(text)
    imported = import_articles(workspace, [str(articles)])
    assert imported.created == 1
    page.goto(f"{imported.project_url}?labeling=1")
    page.wait_for_selector(".htx-highlight", timeout=60_000)
    page.wait_for_timeout(1500)
    assert {"Rebels", "attacked", "army", "3 May 2024", "Geneva", "Ann Bell"} <= set(highlights(page))
    page.locator(".htx-highlight", has_text="Geneva").first.click()
    page.wait_for_timeout(500)
    picture(page, "6-pre-annotation")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Submit").first.click()
    exported_once_submitted(page, workspace, tmp_path / "out")
    (doc,) = read_documents(tmp_path / "out" / "docs.jsonl")
    sources = {doc.slice(span): span.attributes.get("meta") for span in doc.spans}
    assert sources["Geneva"] == {"source": "location name"}
    said = {span.id: doc.slice(span) for span in doc.spans}
    assert ("attacked", "Rebels", "agent") in {(said[r.head], said[r.tail], r.label) for r in doc.relations}


def test_markup_in_articles_shows_as_text_and_never_runs(workspace: Workspace, page: Page):
    """In title, byline and text; neither in the label stream nor in the list of tasks."""

    def evil(where: str) -> str:
        mark = f"window.ran=(window.ran||'')+'{where}'"
        return (
            f'<script>{mark}</script><img src=x onerror="{mark}"><svg onload="{mark}"></svg>'
            f'<img src="http://evil.example.org/{where}.png"><a href="javascript:{mark}">press</a>'
            f"<iframe srcdoc='<script>top.{mark}</script>'></iframe>{{{{constructor.constructor('{mark}')()}}}}"
        )

    text = f"Rebels attacked {evil('text')} on Friday. &lt;b&gt;</textarea></script><script>alert('text')</script>"
    article = Article(doc_id="<b>x</b>", text=text, title=evil("title"), source=evil("byline"), published="2026-02-14")
    start = text.index("<script>")
    span = Span(id="evil", start=start, end=start + len("<script>"), label="ACTOR", score=0.5)
    happened: list[str] = []
    page.on("dialog", lambda dialog: (happened.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: happened.append(request.url) if "evil.example.org" in request.url else None)
    with connect(workspace) as studio:
        project, _ = project_in_step(studio, workspace)
        studio.create(project, [to_task(LabeledDoc.of(article, (span,)), "model-1")])
        studio.prefill(project, "model-1")

    def nothing_ran() -> None:
        page.wait_for_timeout(1500)
        assert page.evaluate("window.ran || ''") == ""
        elements = "img[onerror], svg[onload], iframe[srcdoc], a[href^='javascript:'], img[src*='evil.example.org']"
        assert page.locator(elements).count() == 0
        assert happened == []

    page.goto(f"{project.url}?labeling=1")
    page.wait_for_selector(".htx-highlight", timeout=60_000)
    nothing_ran()
    picture(page, "8-markup")
    assert highlights(page) == ["<script>"]
    assert page.locator(".lsf-richtext__container").inner_text() == text
    for shown in (evil("title"), evil("byline")):
        assert page.get_by_text(shown, exact=False).first.is_visible()
    page.goto(project.url)
    page.get_by_text("Rebels attacked").first.wait_for(timeout=60_000)
    nothing_ran()
    picture(page, "9-markup-in-the-list")


def test_two_people_see_nothing_of_each_others_work_in_the_label_stream(
    workspace: Workspace, page: Page, api: httpx.Client, colleague: httpx.Client, chromium: str
):
    half = WithoutPrefill.parse("50%")
    names = [next(f"n{n}" for n in range(99) if half.has(f"n{n}") == is_empty) for is_empty in (True, False)]
    texts = {name: f"Police of {name} arrested protesters in Paris on Monday." for name in names}
    workspace = with_studio(workspace, overlap=Overlap.parse(2), without_prefill=half)
    imported = push(workspace, texts)
    assert (imported.overlapping, imported.without_prefill) == ({2: 2}, 1)
    predicted = {"Police", "arrested", "protesters", "Paris", "Monday"}

    def label(page: Page, quote: str, others: str) -> None:
        """Label everything that the stream hands out, from an empty page with one span, and see nothing of others."""
        page.goto(imported.project_url)
        page.get_by_role("button", name="Label All Tasks").click(timeout=60_000)
        for _ in texts:
            page.locator(".lsf-richtext__container").wait_for(timeout=60_000)
            page.wait_for_timeout(1500)
            text = page.locator(".lsf-richtext__container").inner_text()
            (name,) = (name for name in texts if text == texts[name])
            assert set(highlights(page)) == (set() if half.has(name) else predicted)
            assert others not in page.locator("body").inner_text() and not page.get_by_text("Compare All").count()
            if half.has(name):
                page.keyboard.press("1")
                drag_over(page, quote)
                page.wait_for_function("document.querySelectorAll('.htx-highlight').length === 1")
            page.get_by_role("button", name="Submit").first.click()
            page.wait_for_function("text => !document.body.innerText.includes(text)", arg=text)

    mine, theirs = (client.get("/api/current-user/whoami").json()["email"] for client in (api, colleague))
    shown = f"{mine[:8]}...", f"{theirs[:8]}..."  # as Label Studio shortens them
    label(page, "Police", shown[1])
    browser = page.context.browser.browser_type.launch(executable_path=chromium, args=BROWSER)
    other = browser.new_page(viewport={"width": 1440, "height": 900})
    url = str(colleague.base_url)
    other.context.add_cookies([{"name": name, "value": value, "url": url} for name, value in colleague.cookies.items()])
    label(other, "protesters", shown[0])

    # the Data Manager is not blind: it names everybody, and shows somebody else's work
    number = next(task["id"] for task in tasks(workspace, api).values())
    other.goto(f"{imported.project_url}?task={number}")
    other.get_by_text("Compare All").wait_for(timeout=60_000)
    other.get_by_text(shown[0]).wait_for()
    picture(other, "13-not-blind")
    browser.close()

    found = agreement(workspace, schema=workspace.label_schema)
    assert set(found.annotators) == {mine, theirs}
    assert (found.documents, found.dependent, found.hasty, found.problems) == (2, (), (), ())
    assert {name: (arm.documents, arm.exact.f) for name, arm in found.arms.items()} == {
        "with_prefill": (1, 1.0),
        "without_prefill": (1, 0.0),
    }


def test_annotator_comes_in_by_the_link_that_the_docs_name(page: Page, studio_folder: Path):
    """docs/people.md: each opening of the dialog makes another link; sign-up without the last one is closed."""
    url = server.status(studio_folder).url
    links = []
    for path, name in (("/", "Invite Members"), ("/organization/", "Add Members")):
        assert name in (ROOT / "docs" / "people.md").read_text(encoding="utf-8")
        page.goto(f"{url}{path}")
        page.wait_for_load_state("networkidle")
        page.get_by_text(name).first.click()
        page.get_by_text("Copy link").wait_for(timeout=60_000)
        field = page.locator("input[value*='/user/signup/?token=']").first
        field.wait_for(timeout=60_000)
        links.append(field.input_value())
    old, link = links
    guest = page.context.browser.new_context().new_page()
    for address, password, is_in in (
        (link.partition("?")[0], "annotator-1", False),
        (old, "annotator-1", False),
        (link, "short", False),
        (link, "annotator-1", True),
    ):
        guest.goto(address)
        guest.fill("input[name=email]", f"a-{time.monotonic_ns()}@example.org")
        guest.fill("input[name=password]", password)
        guest.click("button[type=submit]")
        guest.wait_for_load_state("networkidle")
        assert ("/user/signup" not in guest.url) == is_in, guest.url
    guest.get_by_text("Welcome").first.wait_for(timeout=60_000)
    picture(guest, "8-invited")


def test_keys_of_the_instructions_do_what_they_say(workspace: Workspace, page: Page, api: httpx.Client):
    spans = tuple(
        Span(id=quote, start=TEXT.index(quote), end=TEXT.index(quote) + len(quote), label=label)
        for quote, label in (("Rebels", "ACTOR"), ("attacked", "ACTION"))
    )
    docs = [
        LabeledDoc.of(Article(doc_id=name, text=TEXT, title=name), spans, score=score)
        for name, score in (("first", 0.1), ("second", 0.2), ("third", 0.3))
    ]
    with connect(workspace) as studio:
        project, _ = project_in_step(studio, workspace)
        studio.create(project, [to_task(doc, "model-1", workspace.label_schema) for doc in docs])
        studio.prefill(project, "model-1")
    page.goto(f"{project.url}?labeling=1")
    page.wait_for_selector(".htx-highlight", timeout=60_000)
    page.wait_for_timeout(1500)

    def label_of(quote: str) -> str:
        found = page.locator(".htx-highlight", has_text=quote)
        return str(found.first.get_attribute("data-label")).partition(":")[2] if found.count() else ""

    def keys(*pressed: str) -> None:
        for key in pressed:
            page.keyboard.press(key)
        page.wait_for_timeout(400)

    said = page.get_by_role("button", name="Instructions")
    said.click()
    page.get_by_text("Mark who did what to whom").wait_for()
    picture(page, "11-instructions")
    for words in ("Backspace", "Foreign Minister", "Who does the action or says it."):
        assert page.get_by_text(words).count(), words
    color = page.locator(".labeling-example .labeling-0").first.evaluate("e => getComputedStyle(e).backgroundColor")
    assert color == "rgba(31, 111, 235, 0.3)"  # as the span on the page
    page.keyboard.press("Escape")
    page.wait_for_timeout(500)

    keys("4")
    drag_over(page, "Friday")
    keys("Escape")
    assert label_of("Friday") == "DATE"
    page.locator(".htx-highlight", has_text="Friday").click()
    keys("3")
    assert label_of("Friday") == "LOCATION"
    keys("Backspace")
    assert label_of("Friday") == ""
    keys("Control+z")
    assert label_of("Friday") == "LOCATION"
    keys("Escape")
    arrows = page.locator(".relations-overlay path[stroke]")
    page.locator(".htx-highlight", has_text="Rebels").click()
    keys("Alt+r")
    page.locator(".htx-highlight", has_text="attacked").click()
    page.wait_for_timeout(400)
    assert arrows.count() == 1
    keys("Control+z")
    assert arrows.count() == 0
    keys("Control+Space")
    page.get_by_text("second").first.wait_for()
    page.wait_for_timeout(1500)
    keys("Control+Enter")
    page.get_by_text("third").first.wait_for()
    found = api.get(f"/api/projects/{project.id}/").json()
    assert (found["skipped_annotations_number"], found["total_annotations_number"]) == (1, 1)
