"""What an annotator waits for and does on the page of the real Label Studio, in a real Chromium.

    python benchmarks/page.py load ../shared/news/articles.jsonl     # a 25,000-character article: whole, and in parts
    python benchmarks/page.py replay seeds/gold.jsonl                # 20 articles corrected with mouse and keys only

`load` puts articles of the file together until they have 25,000 characters, imports that with and without the limits
that `labeling init` writes, and measures the seconds from the address to the last region painted, and from the key
to the deletion painted.

`replay` corrects pre-annotations of the gold's texts until they are the gold: wrong spans are deleted, others renamed,
missing ones marked, then relations deleted and drawn. Each click, key, drag and turn of the wheel is a gesture. What
was submitted is compared with the gold by `labeling.core.effort`. `by list` is the way to name a relation before
directions did: in the list of relations (scroll, hover, "…", open, pick), where the ends leave several names.
"""

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Locator, Page, sync_playwright

from labeling.core.effort import Marks, core, effort
from labeling.core.labels import LabeledDoc
from labeling.core.schema import LabelSchema
from labeling.settings import Workspace, open_workspace
from labeling.studio import server
from labeling.studio.annotations import Rules, read_task
from labeling.studio.regions import Legend
from labeling.studio.setup import read_credentials
from labeling.workflow.documents import read_documents

CHROMIUM = "/usr/bin/chromium"
CHARACTERS = 25_000
PARAMETERS = {"fields": "all", "page_size": 1000}

# The corners of `text[start:end]` on the screen; start and end count code points, a line break is one.
EDGES = """([start, end]) => {
    const root = document.querySelector('.lsf-richtext__container');
    const units = [];
    root.querySelectorAll('.lsf-richtext__line').forEach((line, number) => {
        if (number) units.push(null);
        const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
        for (let node = walker.nextNode(); node; node = walker.nextNode())
            for (let at = 0; at < node.data.length; at += node.data.codePointAt(at) > 0xffff ? 2 : 1)
                units.push([node, at]);
    });
    const box = unit => {
        const range = document.createRange();
        range.setStart(unit[0], unit[1]);
        range.setEnd(unit[0], unit[1] + 1);
        return range.getBoundingClientRect();
    };
    const [a, z] = [box(units[start]), box(units[end - 1])];
    return [a.left + 1, a.top + a.height / 2, z.right - 1, z.top + z.height / 2];
}"""


class Hand:
    """The mouse and keyboard of an annotator, and how often they were used, by what for."""

    def __init__(self, page: Page) -> None:
        self.page, self.gestures = page, dict[str, int]()
        self.what = ""

    def count(self, number: int = 1) -> None:
        """Count gestures."""
        self.gestures[self.what] = self.gestures.get(self.what, 0) + number

    def key(self, name: str) -> None:
        """Press a key, or keys together."""
        self.count()
        self.page.keyboard.press(name)

    def click(self, what: Locator) -> None:
        """Click something."""
        self.count()
        what.click()

    def edges(self, start: int, end: int) -> tuple[float, float, float, float]:
        """Where a stretch of the text is on the screen, after turning the wheel if it is out of sight."""
        pane = self.page.locator(".lsf-richtext__container")
        for _ in range(30):
            x, y, to_x, to_y = self.page.evaluate(EDGES, [start, end])
            bottom = self.page.viewport_size["height"] - 80
            if 200 < y < bottom and 200 < to_y < bottom:
                return x, y, to_x, to_y
            self.count()
            box = pane.bounding_box()
            self.page.mouse.move(box["x"] + box["width"] / 2, min(500, bottom - 100))
            self.page.mouse.wheel(0, y - 420)
            self.page.wait_for_timeout(250)
        raise RuntimeError(f"[{start}, {end}) does not come into sight")

    def click_text(self, start: int, end: int) -> None:
        """Click a span in its first character."""
        x, y, _, _ = self.edges(start, end)
        self.count()
        self.page.mouse.click(x + 2, y)

    def drag(self, start: int, end: int) -> None:
        """Mark a stretch of the text."""
        x, y, to_x, to_y = self.edges(start, end)
        self.count()
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(to_x, to_y, steps=4)
        self.page.mouse.up()


@dataclass
class Corrections:
    """What is to be done to a prediction until it is the gold; spans are their cores and labels."""

    delete: list[tuple[int, int]] = field(default_factory=list)
    rename: list[tuple[int, int, str]] = field(default_factory=list)
    mark: list[tuple[int, int, str]] = field(default_factory=list)
    erase: list[tuple[tuple[int, int], tuple[int, int], str]] = field(default_factory=list)
    draw: list[tuple[tuple[int, int], tuple[int, int], str]] = field(default_factory=list)


def corrections(gold: LabeledDoc, predicted: Sequence[tuple[str, int, int, str]], arrows: Sequence[Any]) -> Corrections:
    """By the measure of `labeling.core.effort`, which compares the cores of spans.

    Args:
        gold: The gold.
        predicted: The spans on the page: id, start, end, label.
        arrows: The relations on the page: head, tail (ids), label.
    """
    out = Corrections()
    wanted = {core(gold.text, s.start, s.end): s for s in gold.spans}
    kept: dict[tuple[int, int], tuple[int, int]] = {}  # core → the span on the page
    cores = {}
    for name, start, end, label in predicted:
        at = core(gold.text, start, end)
        cores[name] = at
        if at not in wanted or at in kept:
            out.delete.append((start, end))
        else:
            kept[at] = (start, end)
            if wanted[at].label != label:
                out.rename.append((start, end, wanted[at].label))
    for at, span in wanted.items():
        if at not in kept:
            out.mark.append((span.start, span.end, span.label))
            kept[at] = (span.start, span.end)
    ids = {s.id: core(gold.text, s.start, s.end) for s in gold.spans}
    right = {(ids[r.head], ids[r.tail], r.label) for r in gold.relations}
    found = {(cores[head], cores[tail], label) for head, tail, label in arrows}
    gone = {core(gold.text, *each) for each in out.delete} - kept.keys()
    out.erase = [arrow for arrow in sorted(found - right) if not {*arrow[:2]} & gone]
    out.draw = [(kept[head], kept[tail], label) for head, tail, label in sorted(right - found)]
    return out


def correct(hand: Hand, gold: LabeledDoc, task: dict[str, Any], workspace: Workspace, way: str) -> None:
    """Correct the page until it shows the gold, and submit it."""
    page, schema = hand.page, workspace.label_schema
    result = task["predictions"][0]["result"]
    regions = [r for r in result if r["type"] == "labels"]
    spans = [(r["id"], r["value"]["start"], r["value"]["end"], r["value"]["labels"][0]) for r in regions]
    arrows = []
    for item in result:
        if item["type"] == "relation":
            (label,) = item["labels"]
            ends = schema.relations[label].in_order(item["from_id"], item["to_id"])
            arrows.append((*ends, label))
    todo = corrections(gold, spans, arrows)
    for start, end in todo.delete:
        hand.what = "delete a span"
        hand.click_text(start, end)
        hand.key("Backspace")
        page.wait_for_timeout(120)
    for start, end, label in todo.mark:
        hand.what = "mark a span"
        hand.key(schema.labels[label].hotkey)
        hand.drag(start, end)
        page.wait_for_timeout(120)
    for start, end, label in todo.rename:
        hand.what = "rename a span"
        hand.click_text(start, end)
        hand.key(schema.labels[label].hotkey)
        hand.key("Escape")
        page.wait_for_timeout(120)
    hand.what = "delete a relation"
    if todo.erase:
        erase(hand, gold, todo, schema)
    for head, tail, label in todo.draw:
        hand.what = "draw and name a relation"
        first, second = schema.relations[label].in_order(head, tail)
        hand.click_text(*first)
        hand.key("Alt+r")
        hand.click_text(*second)
        page.wait_for_timeout(150)
        if way.endswith("by list") and is_ambiguous(schema, label):
            name_by_list(hand, label)
    hand.what = "submit"
    hand.click(page.get_by_role("button", name="Submit").first)


def is_ambiguous(schema: LabelSchema, label: str) -> bool:
    """Whether the ends of such a relation leave several names, whatever its direction."""
    relation = schema.relations[label]
    ends = {*relation.head, *relation.tail}
    return any(name != label and {*other.head, *other.tail} == ends for name, other in schema.relations.items())


def relation_list(hand: Hand) -> Locator:
    """The list of relations, opened with a click where it is not open."""
    page = hand.page
    items = page.locator(".lsf-relations__item")
    if not items.count():
        hand.click(page.locator("#Relations-draggable"))
        items.first.wait_for(timeout=5000)
    return items


def scrolled_to(hand: Hand, item: Locator) -> None:
    """Turn the wheel over the list until the item is in sight."""
    box = item.bounding_box()
    bottom = hand.page.viewport_size["height"]
    if box is None or not (box["y"] > 0 and box["y"] + box["height"] < bottom - 10):
        hand.count()
        item.scroll_into_view_if_needed()


def erase(hand: Hand, gold: LabeledDoc, todo: Corrections, schema: LabelSchema) -> None:
    """Delete relations in the list, which names only the numbers of the regions."""
    page = hand.page
    items = relation_list(hand)
    for head, tail, label in todo.erase:
        start, end = schema.relations[label].in_order(head, tail)
        numbers = [number_of(page, gold, at) for at in (start, end)]
        item = item_between(items, numbers)
        scrolled_to(hand, item)
        item.hover()
        hand.count()
        hand.click(item.locator("button").last)
        page.wait_for_timeout(120)


def item_between(items: Locator, numbers: list[str]) -> Locator:
    """The item of the list that joins the regions with these numbers; the list follows the page after a while."""
    for _ in range(20):
        for index in range(items.count()):
            if items.nth(index).locator(".lsf-detailed-region").evaluate_all(NUMBERS) == numbers:
                return items.nth(index)
        items.page.wait_for_timeout(250)
    raise RuntimeError(f"there is no relation between regions {numbers}")


NUMBERS = """all => all.map(e => e.querySelector('[class*=index]')?.textContent.trim())"""


def number_of(page: Page, gold: LabeledDoc, at: tuple[int, int]) -> str:
    """The number that the page gives the region with this core."""
    for start, end, index in page.evaluate(
        "[...document.querySelectorAll('.htx-highlight')].map(e => [+e.dataset.start, +e.dataset.end, e.dataset.index])"
    ):
        if core(gold.text, start, end) == at:
            return str(index)
    raise RuntimeError(f"no region on the page has the core {at}")


def name_by_list(hand: Hand, label: str) -> None:
    """Name the relation that was drawn last, as it took before its direction named it."""
    page = hand.page
    item = relation_list(hand).last
    scrolled_to(hand, item)
    item.hover()
    hand.count()
    hand.click(item.locator("button").first)
    box = page.locator(".lsf-relation-meta").last
    box.wait_for(timeout=5000)
    scrolled_to(hand, box)
    hand.click(box)
    page.wait_for_timeout(200)
    hand.click(page.locator("[role=option], .ant-select-item-option").get_by_text(label, exact=True).last)
    page.wait_for_timeout(150)
    if page.locator("[role=listbox]").is_visible():
        hand.key("Escape")


@contextlib.contextmanager
def studio(folder: Path) -> Iterator[Workspace]:
    """A new workspace in the folder, with its own running Label Studio."""
    labeling(folder, "init", "--title", "Page")
    labeling(folder, "studio", "start")
    try:
        yield open_workspace(folder)
    finally:
        labeling(folder, "studio", "stop")


def labeling(folder: Path, *words: str) -> str:
    """What a command prints."""
    done = subprocess.run(
        [sys.executable, "-m", "labeling", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"labeling {' '.join(words)}: {done.stderr}")
    return done.stdout


@contextlib.contextmanager
def logged_in(workspace: Workspace, size: str) -> Iterator[Page]:
    """A page of a browser that is logged in."""
    running, login = server.status(workspace.studio_folder), read_credentials(workspace.studio_folder)
    width, height = map(int, size.split("x"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(f"{running.url}/user/login/", wait_until="commit")
        page.fill("input[name=email]", login.email)
        page.fill("input[name=password]", login.password.get_secret_value())
        page.click("button[type=submit]")
        page.wait_for_url(lambda url: "/user/login" not in url, wait_until="commit")
        yield page
        browser.close()


@contextlib.contextmanager
def api(workspace: Workspace) -> Iterator[httpx.Client]:
    """The server's API."""
    running, login = server.status(workspace.studio_folder), read_credentials(workspace.studio_folder)
    headers = {"Authorization": f"Token {login.token.get_secret_value()}"}
    with httpx.Client(base_url=running.url, headers=headers, timeout=120) as client:
        yield client


def tasks_of(workspace: Workspace, project: int) -> list[dict[str, Any]]:
    """The project's tasks, in order."""
    with api(workspace) as client:
        found = client.get("/api/tasks/", params=PARAMETERS | {"project": project}).json()["tasks"]
    return sorted(found, key=lambda task: task["id"])


def imported(folder: Path, articles: list[dict[str, Any]]) -> int:
    """The number of the project with these articles."""
    (folder / "articles.jsonl").write_text("".join(json.dumps(article) + "\n" for article in articles))
    labeling(folder, "import", "articles.jsonl")
    return open_workspace(folder).remembered_project() or 0


def opened(page: Page, workspace: Workspace, project: int, task: int) -> float:
    """Open a task; the seconds until its regions are painted."""
    url = server.status(workspace.studio_folder).url
    started = time.perf_counter()
    page.goto(f"{url}/projects/{project}/data?task={task}", wait_until="commit")
    page.wait_for_selector(".htx-highlight", timeout=300_000)
    painted, number = time.perf_counter(), 0
    while (now := page.locator(".htx-highlight").count()) != number:
        painted, number = time.perf_counter(), now
        page.wait_for_timeout(200)
    return painted - started


def deletions(page: Page) -> list[float]:
    """The seconds until each of some deletions is painted."""
    found = []
    for nth in range(3, 8):
        page.locator(".htx-highlight").nth(nth).click()
        page.wait_for_timeout(500)
        before = page.locator(".htx-highlight").count()
        started = time.perf_counter()
        page.keyboard.press("Backspace")
        page.wait_for_function(
            "n => document.querySelectorAll('.htx-highlight').length < n", arg=before, timeout=60_000
        )
        found.append(time.perf_counter() - started)
    return found


def load(texts: Path) -> None:
    """Seconds to open a long article and to delete a region of it, as one task and in parts."""
    with texts.open(encoding="utf-8") as lines:
        every = sorted((json.loads(line)["text"] for line in lines), key=len, reverse=True)
    text = ""
    while len(text) < CHARACTERS:
        text += every.pop(0) + "\n\n"
    text = text[:CHARACTERS]
    print(f"{len(text):,} characters; seconds to open (3 times), to paint a deletion (median of 5)")
    with tempfile.TemporaryDirectory() as name, studio(Path(name)) as workspace:
        project = imported(workspace.folder, [{"id": "parts", "title": "A report", "text": text}])
        settings = (workspace.folder / "labeling.toml").read_text()
        whole = settings.replace("task_characters = 8000", "").replace("task_spans = 200", "")
        (workspace.folder / "labeling.toml").write_text(whole)
        imported(workspace.folder, [{"id": "whole", "title": "A report", "text": f"{text}\n\nThe end."}])
        tasks = tasks_of(workspace, project)
        parts = [task for task in tasks if task["data"]["doc_id"] == "parts"]
        rows = [(f"first of {len(parts)} parts", parts[0]), ("one task", tasks[-1])]
        for row, task in rows:
            spans = sum(item["type"] == "labels" for item in task["predictions"][0]["result"])
            with logged_in(workspace, "1440x900") as page:
                times = [opened(page, workspace, project, task["id"]) for _ in range(3)]
                gone = statistics.median(deletions(page))
            said = ", ".join(f"{seconds:.1f}" for seconds in times)
            print(f"{row:18} {spans:5} regions   open {said}   delete {gone:.2f}", flush=True)


def replay(gold: Path, count: int, sizes: Sequence[str], ways: Sequence[str]) -> None:
    """Gestures a document until the page shows the gold, and whether what was submitted is the gold."""
    documents = [doc for doc in read_documents(gold) if doc.spans][:count]
    with tempfile.TemporaryDirectory() as name, studio(Path(name)) as workspace:
        whole = (workspace.folder / "labeling.toml").read_text().replace("= 8000", "= 0").replace("= 200", "= 0")
        (workspace.folder / "labeling.toml").write_text(whole)
        fields = ("title", "text", "source", "url")
        articles = [{"id": d.doc_id, "date": d.published} | {f: getattr(d, f) for f in fields} for d in documents]
        project = imported(workspace.folder, articles)
        by_id = {doc.doc_id: doc for doc in documents}
        for size in sizes:
            with logged_in(workspace, size) as page:
                for way in ways:
                    replayed(page, workspace, project, by_id, f"{size} {way}")


def replayed(page: Page, workspace: Workspace, project: int, gold: dict[str, LabeledDoc], name: str) -> None:
    """Correct each of the project's tasks, and print the gestures it took."""
    total: dict[str, int] = {}
    saved: list[float] = []
    for task in tasks_of(workspace, project):
        doc = gold[task["data"]["doc_id"]]
        if task["data"]["text"] != doc.text:
            print(f"{doc.doc_id}: an import cleans its text, so the gold does not fit", file=sys.stderr)
            continue
        opened(page, workspace, project, task["id"])
        page.wait_for_timeout(1200)  # the arrows are drawn after the text
        hand = Hand(page)
        correct(hand, doc, task, workspace, name)
        saved.append(compared(doc, submitted(workspace, task["id"]), workspace))
        for what, number in hand.gestures.items():
            total[what] = total.get(what, 0) + number
    print(f"{name:24} {sum(total.values()) / len(saved):6.1f} gestures a document ({len(saved)} documents)")
    print("   " + ", ".join(f"{what} {number}" for what, number in total.items()))
    print(f"   effort left in what was submitted: {1 - statistics.mean(saved):.2%}", flush=True)


def submitted(workspace: Workspace, task: int) -> list[dict[str, Any]]:
    """The result of the annotation that was just submitted; it is deleted afterwards, for the next replay."""
    with api(workspace) as client:
        for _ in range(60):
            if found := client.get(f"/api/tasks/{task}/annotations/").json():
                client.delete(f"/api/annotations/{found[0]['id']}/")
                return list(found[0]["result"])
            time.sleep(0.25)
    raise RuntimeError("nothing was submitted")


def compared(doc: LabeledDoc, result: list[dict[str, Any]], workspace: Workspace) -> float:
    """The effort saved by a result: 1 if it is the gold."""
    rules = Rules(legend=Legend(label_schema=workspace.label_schema))
    review = read_task({"data": {"text": doc.text}, "annotations": [{"result": result}]}, rules, "replayed")
    gold = Marks.model_validate(doc.model_dump())
    found = Marks.model_validate(review.docs[0].model_dump())
    measured = effort([gold], {doc.text: found})
    value = measured.effort_saved_with_relations
    return measured.effort_saved if value is None else value


def main() -> None:
    """Measure what the first argument names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["load", "replay"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--articles", type=int, default=20)
    parser.add_argument("--sizes", nargs="+", default=["1440x900", "1280x720"])
    parser.add_argument("--ways", nargs="+", default=["by direction", "by list"])
    options = parser.parse_args()
    if options.what == "load":
        load(options.file)
    else:
        replay(options.file, options.articles, options.sizes, options.ways)


if __name__ == "__main__":
    main()
