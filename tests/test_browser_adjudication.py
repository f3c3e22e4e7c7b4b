"""An adjudicator in a real Chromium: how many gestures an answer takes, and that it becomes the right decision."""

import time
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page

from labeling.core.adjudication import Decision, MarkedRelation, MarkedSpan, Settled, settle
from labeling.core.labels import LabeledDoc, Relation, Span
from labeling.studio.adjudication import AGREED, Answered, read_answers, to_conflict_task
from labeling.studio.adjudication_page import adjudication_page
from tests.browsing import drag_over, picture
from tests.builders import EVENT

pytestmark = [pytest.mark.studio, pytest.mark.browser]

EVIL = "<img src=x onerror=\"window.ran=1\"></p><script>window.ran=2</script><b style='color:red'>&amp; $title {{7*7}}"
TEXT = (
    "Talks collapsed on Thursday, officials said. On Friday the Rebels 👩‍👩‍👧 of the Northern Front attacked "
    f"Tadmor, and the army fled to Kyiv before dawn. Zoë Šimić called it {EVIL} a disgrace. People of שלום fled, too."
)
AGREED_ON = ("ACTION attacked", "LOCATION Tadmor", "DATE Friday", "ACTION fled", "ACTOR army", "ACTION called")


def doc(*spans: str, relations: tuple[str, ...] = ()) -> LabeledDoc:
    """`LABEL words` each, and relations as `head/label/tail` with the words of their ends."""
    found = []
    for span in (*AGREED_ON, *spans):
        label, words = span.split(" ", 1)
        start = TEXT.index(words)
        found.append(Span(id=words, start=start, end=start + len(words), label=label))
    links = tuple(
        Relation(head=head, label=label, tail=tail) for head, label, tail in (r.split("/") for r in relations)
    )
    return LabeledDoc(doc_id="d", text=TEXT, title="Army <at war>", spans=tuple(found), relations=links)


def marked(said: str) -> MarkedSpan:
    label, words = said.split(" ", 1)
    start = TEXT.index(words)
    return MarkedSpan(start=start, end=start + len(words), label=label)


def link(label: str, head: str, tail: str) -> MarkedRelation:
    return MarkedRelation(label=label, head=marked(head), tail=marked(tail))


SHORT, LONG, KYIV, CRIME = (
    "ACTOR Rebels",
    "ACTOR Rebels 👩‍👩‍👧 of the Northern Front",
    "LOCATION Kyiv",
    f"ACTION it {EVIL}",
)
SHORT_SPAN, LONG_SPAN = marked(SHORT), marked(LONG)
ONE = doc(SHORT, relations=("attacked/agent/Rebels", "attacked/place/Tadmor", "fled/agent/army"))
OTHER = doc(LONG, KYIV, CRIME, relations=("attacked/target/Tadmor", "fled/agent/army"))
TWO = settle({"ann": ONE, "ben": OTHER})
THREE = settle({"ann": ONE, "ben": OTHER, "dan": ONE})


class Adjudicator:
    """The hand of an adjudicator on the page of a project that has these tasks: every key, click and drag counts."""

    def __init__(self, page: Page, api: httpx.Client, tasks: list[dict[str, Any]]) -> None:
        self.page, self.api, self.tasks, self.gestures = page, api, tasks, 0
        shown = adjudication_page(EVENT)
        said = {"title": "Adjudication", "label_config": shown.config, "expert_instruction": shown.instructions}
        made = api.post("/api/projects/", json=said | {"sampling": "Sequential sampling"}).json()
        self.url = f"{api.base_url}/projects/{made['id']}/data?labeling=1"
        imported = api.post(f"/api/projects/{made['id']}/import?return_task_ids=true", json=tasks).json()
        self.ids = imported["task_ids"]
        api.patch(f"/api/projects/{made['id']}/", json={"model_version": AGREED})
        page.goto(self.url)
        self.wait()

    def wait(self) -> None:
        self.page.wait_for_selector(".labeling-cards .labeling-card", timeout=60_000)
        self.page.wait_for_timeout(700)

    def key(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.gestures += 1
            self.page.wait_for_timeout(150)

    def click(self, selector: str, text: str) -> None:
        self.page.locator(selector, has_text=text).first.click()
        self.gestures += 1

    def drag(self, quote: str) -> None:
        drag_over(self.page, quote)
        self.gestures += 1
        self.page.wait_for_timeout(400)

    def submitted(self) -> tuple[int, Decision]:
        """The gestures of the answer, submitted by key, and what it decides."""
        self.key("Control+Enter")
        answered, task = Answered(), self.ids.pop(0)
        deadline = time.monotonic() + 30
        while answered == Answered() and time.monotonic() < deadline:
            self.page.wait_for_timeout(300)
            answered = read_answers(self.api.get(f"/api/tasks/{task}/").json(), {1: "cleo"}, "{task}")
        assert answered.problems == ()
        assert answered.decision
        self.page.wait_for_timeout(700)
        if self.ids:
            self.wait()
        gestures, self.gestures = self.gestures, 0
        return gestures, answered.decision


def key_of(task: dict[str, Any], option: MarkedSpan | MarkedRelation) -> str:
    return str(task["data"]["conflict"]["options"].index(option.model_dump(mode="json")) + 1)


def asking(settled: Settled, option: MarkedSpan | MarkedRelation) -> dict[str, Any]:
    """The task of the conflict that has the option."""
    (found,) = [c for c in settled.conflicts if option in [each.marked for each in c.options]]
    return to_conflict_task(found, settled, EVENT)


def test_simple_conflict_takes_two_gestures_and_the_majoritys_answer_one(page: Page, api: httpx.Client):
    place, target = (link(label, "ACTION attacked", "LOCATION Tadmor") for label in ("place", "target"))
    rivals, links = asking(TWO, SHORT_SPAN), asking(TWO, place)
    one, majority = asking(TWO, marked(KYIV)), asking(THREE, SHORT_SPAN)
    hand = Adjudicator(page, api, [rivals, one, links, majority])
    cards = page.locator(".labeling-cards .lsf-choice__checkbox")
    tops = [cards.nth(number).bounding_box()["y"] for number in range(3)]
    assert cards.count() == 3 and len(set(tops)) == 1  # side by side
    assert "agent of attacked" in page.locator(".labeling-cards").inner_text()
    picture(page, "20-adjudication-spans")

    hand.key(key_of(rivals, SHORT_SPAN))
    gestures, said = hand.submitted()
    assert (gestures, said.taken, said.refused) == (2, (SHORT_SPAN,), (LONG_SPAN,))
    hand.key("0")
    gestures, said = hand.submitted()
    assert (gestures, said.taken, said.refused) == (2, (), (marked(KYIV),))
    picture(page, "21-adjudication-relations")
    assert "attacked —place→ Tadmor" in page.locator(".labeling-cards").inner_text()
    hand.click(".labeling-cards .lsf-choice", "—target→")
    gestures, said = hand.submitted()
    assert (gestures, said.taken, said.refused) == (2, (target,), (place,))
    picture(page, "22-adjudication-majority")
    gestures, said = hand.submitted()  # the suggested card is taken already
    assert (gestures, said.taken, said.refused) == (1, (SHORT_SPAN,), (LONG_SPAN,))


def test_several_another_reason_and_note_take_a_gesture_or_two_more(page: Page, api: httpx.Client):
    rivals, links = asking(TWO, SHORT_SPAN), asking(TWO, link("place", "ACTION attacked", "LOCATION Tadmor"))
    hand = Adjudicator(page, api, [rivals, rivals, links, asking(TWO, marked(KYIV)), asking(THREE, SHORT_SPAN)])
    hand.key("1", "2")
    gestures, said = hand.submitted()
    assert (gestures, said.taken, said.refused) == (3, (SHORT_SPAN, LONG_SPAN), ())
    hand.key("q")
    hand.drag("the Northern Front")
    picture(page, "23-adjudication-another")
    gestures, said = hand.submitted()
    assert (gestures, said.taken, len(said.refused)) == (3, (marked("ACTOR the Northern Front"),), 2)
    hand.click(".htx-highlight", "attacked")
    hand.key("Alt+r")
    hand.click(".htx-highlight", "Friday")
    gestures, said = hand.submitted()
    assert (gestures, said.taken) == (4, (link("time", "ACTION attacked", "DATE Friday"),))

    page.set_viewport_size({"width": 1280, "height": 720})
    page.evaluate("localStorage.setItem('preferred-color-scheme', 'Dark')")
    page.reload()
    hand.wait()
    hand.key("1", "g")
    page.locator("input[name=note]").click()
    page.keyboard.type("places in flight 1 2 q")  # keys of cards and labels
    page.keyboard.press("Enter")
    picture(page, "24-adjudication-dark")
    hand.gestures += 2  # the click, and Enter
    gestures, said = hand.submitted()
    assert (gestures, said.taken, said.reason, said.note) == (
        5,
        (marked(KYIV),),
        "guideline gap",
        "places in flight 1 2 q",
    )
    hand.key("1", "2")
    gestures, said = hand.submitted()
    assert (gestures, said.taken) == (3, (LONG_SPAN,))  # the suggestion is let go, the other taken


def test_markup_on_cards_shows_as_text_and_never_runs(page: Page, api: httpx.Client):
    evil = marked(CRIME)
    hand = Adjudicator(page, api, [asking(TWO, evil)])
    picture(page, "25-adjudication-markup")
    card = page.locator(".labeling-cards .labeling-card").first
    assert f"it {EVIL}" in card.inner_text()
    assert card.locator("img, script, b").count() == 0
    assert page.evaluate("window.ran || 0") == 0
    hand.key("1")
    gestures, said = hand.submitted()
    assert (gestures, said.taken) == (2, (evil,))
