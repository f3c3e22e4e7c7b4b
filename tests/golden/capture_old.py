"""Makes tests/golden/old/VERSION anew from an old Label Studio that is installed in an environment of its own.

    .venv/bin/python tests/golden/capture_old.py /tmp/old/v0.8.2.post0

README.md says how to install one. The server runs on this machine's loopback only, in a temporary folder, for the time
of the capture; a real Chromium does what a person would.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hands
import httpx
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

HERE = Path(__file__).parent
# no analytics, no error reports, no version check
QUIET = {
    "COLLECT_ANALYTICS": "false",
    "collect_analytics": "0",
    "SENTRY_DSN": "",
    "FRONTEND_SENTRY_DSN": "",
    "LATEST_VERSION_CHECK": "false",
}
# editors of 2023 crash where a newer browser is stricter
FORGIVE = """
const strict = Selection.prototype.removeRange;
Selection.prototype.removeRange = function (range) { try { strict.call(this, range) } catch {} };
"""
LABEL_OF_KEY = {"1": "ACTOR", "2": "LOCATION"}
LABELS = '<Labels name="label" toName="text"><Label value="ACTOR"/><Label value="LOCATION"/></Labels>'
RELATIONS = '<Relations><Relation value="agent"/><Relation value="place"/></Relations>'
TEXT_CONFIG = f"""<View>{LABELS}
<Choices name="genre" toName="text" choice="multiple"><Choice value="report"/><Choice value="opinion"/></Choices>
{RELATIONS}<Text name="text" value="$text"/></View>"""
HTML_CONFIG = f"""<View>{LABELS.replace("Labels", "HyperTextLabels")}<HyperText name="text" value="$html"/></View>"""

# Each task: its data, and what is done with it; a step is one of the functions below and its arguments.
TEXT_TASKS: list[tuple[dict[str, Any], list[tuple[str, ...]]]] = [
    (
        {"text": "Rebels 😀 leave Tadmor. The army of Zoë 👩‍👩‍👧 fled."},
        [
            ("label", "1", "Rebels"),
            ("label", "2", "Tadmor"),
            ("label", "1", "army"),
            ("label", "1", "Zoë", "👩‍👩‍👧"),
            ("relate", "Rebels", "Tadmor"),
            ("submit",),
        ],
    ),
    (
        {"text": "First line here.\nSecond Doha line.\n\nThird."},
        [
            ("label", "1", "line here.", "Second"),
            ("label", "2", "Doha"),
            ("label", "2", "Third"),
            ("choose", "report"),
            ("submit",),
        ],
    ),
    (
        {"text": "One\r\nDoha two\r\n\r\nParis three"},
        [("label", "2", "Doha"), ("label", "1", "two", "Paris"), ("submit",)],
    ),
    ({"text": "Nothing happened."}, [("submit",)]),
    ({"text": "To be skipped in Paris."}, [("label", "2", "Paris"), ("skip",)]),
    (
        {"text": "Two people read of the army in Homs."},
        [("label", "1", "army"), ("submit",), ("again",), ("label", "2", "Homs"), ("submit",)],
    ),
]
HTML_TASKS: list[tuple[dict[str, Any], list[tuple[str, ...]]]] = [
    (
        {
            "html": "<!-- first -->\n<h1>Rebels 😀 leave <em>Tadmor</em></h1>\n\n<p>The army&nbsp;of "
            "<b>Zoë <i>Šimić</i></b> attacked<br>Doha &amp; Homs.</p>\n<ul>\n  <li>Talks began in Paris.</li>\n"
            "  <li>They <!-- inner --> failed.</li>\n</ul>\n<table>\n"
            "  <tr><td>Monday</td><td>12 dead</td></tr>\n</table>\n"
        },
        [
            ("label", "1", "Rebels"),
            ("label", "2", "Tadmor"),
            ("label", "1", "Zoë", "Šimić"),
            ("label", "2", "Doha"),
            ("label", "1", "Talks", "They"),
            ("label", "1", "failed"),
            ("label", "2", "12 dead"),
            ("submit",),
        ],
    ),
]


def main(environment: Path) -> None:
    """Capture from the Label Studio in this environment."""
    version = version_of(environment)
    out = HERE / "old" / version
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    house = capture_completions if version.startswith("0.") else capture_annotations
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=hands.BROWSER)
        house(environment / "bin" / "label-studio", version, browser, out)
        page = browser.new_page()
        texts = [data["text"] for data, _ in TEXT_TASKS]
        texts += [page.evaluate(hands.SHOWN, data["html"])["text"] for data, _ in HTML_TASKS]
        expected = [meant(text, steps) for text, (_, steps) in zip(texts, TEXT_TASKS + HTML_TASKS, strict=True)]
        (out.parent / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, indent=1) + "\n")


def meant(text: str, steps: list[tuple[str, ...]]) -> dict[str, Any]:
    """What the steps mean: spans as [start, end, text, label] in code points, relations as [label, head, tail].

    A second completion begins another list of spans.
    """
    completions: list[list[list[Any]]] = [[]]
    relations = []
    for step, *arguments in steps:
        if step == "label":
            key, first, *last = arguments
            start = text.index(first)
            end = text.index(last[0], start) + len(last[0]) if last else start + len(first)
            completions[-1].append([start, end, text[start:end], LABEL_OF_KEY[key]])
        elif step == "relate":
            relations.append(["", *arguments])
        elif step == "again":
            completions.append([])
    skipped = ("skip",) in steps
    return {"text": text, "completions": completions, "relations": relations, "skipped": skipped}


def version_of(environment: Path) -> str:
    """The installed version of Label Studio."""
    (found,) = environment.glob("lib/python*/site-packages/label_studio-*.dist-info")
    return found.name.removeprefix("label_studio-").removesuffix(".dist-info")


def capture_completions(program: Path, version: str, browser: Browser, out: Path) -> None:
    """Label and export with a version before 1.0: a server a project, files on the disk, no login."""
    for kind, config, tasks in (("text", TEXT_CONFIG, TEXT_TASKS), ("html", HTML_CONFIG, HTML_TASKS)):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            # an unknown tag to 0.4
            (folder / "config.xml").write_text(config.replace(RELATIONS, "") if version.startswith("0.4") else config)
            (folder / "tasks.json").write_text(json.dumps([data for data, _ in tasks]))
            options = ["project", "--init", "--label-config=config.xml"]
            options += ["--input-path=tasks.json", "--input-format=json"]
            usage = subprocess.run([program, "start", "--help"], capture_output=True, text=True, check=False).stdout
            if "--host" in usage:
                options += ["--host", "localhost"]
            with running(program, folder, options) as url:
                context = browser.new_context(viewport={"width": 1400, "height": 1000})
                for number, (_, steps) in enumerate(tasks):
                    page = opened(context, f"{url}/{'label-old' if version.startswith('0.9') else ''}?task_id={number}")
                    for step, *arguments in steps:
                        if not (version.startswith("0.4") and step in ("relate", "skip")):  # it has neither
                            STEPS[step](page, *arguments)
                    page.close()
                for form in ("JSON", "JSON_MIN", "CONLL2003"):
                    for path in (f"/api/project/export?format={form}", f"/api/export?format={form}"):
                        answer = httpx.get(url + path, timeout=60, trust_env=False)
                        if answer.is_success and answer.content[:2] == b"PK":
                            (out / f"{kind}-{form}.zip").write_bytes(answer.content)
            with zipfile.ZipFile(out / f"{kind}-JSON.zip") as archive:
                (out / f"{kind}-result.json").write_bytes(archive.read("result.json"))
            if version.startswith("0.8") and kind == "text":  # what one finds on the disk, a file a task
                shutil.copytree(folder / "project" / "completions", out / "completions")


def capture_annotations(program: Path, _: str, browser: Browser, out: Path) -> None:
    """Label and export with a version from 1.0 on: a database, projects, a login."""
    login = ("annotator@example.org", secrets.token_urlsafe(12))
    with (
        tempfile.TemporaryDirectory() as name,
        running(program, Path(name), ["--internal-host", "127.0.0.1"]) as url,
    ):
        context = browser.new_context(viewport={"width": 1400, "height": 1000})
        page = opened(context, f"{url}/user/signup/", "Create account")
        page.fill("input[name=email]", login[0])
        page.fill("input[name=password]", login[1])
        press(page, "Create account")
        with contextlib.closing(sqlite3.connect(Path(name) / "data" / "label_studio.sqlite3")) as database:
            ((token,),) = database.execute("SELECT key FROM authtoken_token")
        api = httpx.Client(base_url=url, headers={"Authorization": f"Token {token}"}, timeout=60, trust_env=False)
        for kind, config, tasks in (("text", TEXT_CONFIG, TEXT_TASKS), ("html", HTML_CONFIG, HTML_TASKS)):
            made = api.post("/api/projects/", json={"title": f"Old {kind}", "label_config": config}).json()
            project = f"/api/projects/{made['id']}"
            answer = api.post(f"{project}/import", json=[{"data": data} for data, _ in tasks])
            answer.raise_for_status()
            listed = api.get(f"{project}/tasks", params={"page_size": 100}).json()
            ids = sorted(task["id"] for task in (listed if isinstance(listed, list) else listed["tasks"]))
            for number, (_, steps) in zip(ids, tasks, strict=True):
                page = opened(context, f"{url}/projects/{made['id']}/data?task={number}")
                for step, *arguments in steps:
                    # the page of a task has another button for the one, and from 1.4 on none for the other
                    if step == "again" or (step == "skip" and not page.get_by_role("button", name="Skip").count()):
                        break
                    STEPS[step](page, *arguments)
                page.close()
            for form, ending in (("JSON", "json"), ("JSON_MIN", "json"), ("CSV", "csv"), ("CONLL2003", "conll")):
                answer = api.get(f"{project}/export", params={"exportType": form})
                if answer.is_success:  # not every version has CONLL2003 of a page
                    (out / f"{kind}-{form}.{ending}").write_bytes(answer.content)
            listed = api.get(f"/api/tasks/{ids[0]}/")
            (out / f"{kind}-api-task.json").write_bytes(listed.content)


@contextlib.contextmanager
def running(program: Path, folder: Path, options: list[str]) -> Iterator[str]:
    """The URL of a server that runs as long as the block."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"} | QUIET
    environment["LABEL_STUDIO_BASE_DATA_DIR"] = str(folder / "data")
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [program, "start", *options, "--no-browser", "--port", str(port)],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        for _ in range(240):
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"http://localhost:{port}/version", timeout=5, trust_env=False).status_code < 500:
                    break
            time.sleep(0.5)
        yield f"http://localhost:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=30)


def opened(context: BrowserContext, url: str, button: str = "Submit") -> Page:
    """A page that shows the button; whatever it wants from elsewhere is left out."""
    page = context.new_page()
    page.route("**/*", lambda route: route.continue_() if "//localhost:" in route.request.url else route.abort())
    page.add_init_script(FORGIVE)
    page.goto(url, wait_until="commit")
    page.get_by_role("button", name=button).first.wait_for(timeout=60_000)
    page.wait_for_timeout(1500)
    return page


def relate(page: Page, head: str, tail: str) -> None:
    hands.click(page, head)
    if (button := page.locator(".anticon-link")).count():
        button.first.click()
    else:
        page.keyboard.press("Alt+r")
    page.wait_for_timeout(300)
    hands.click(page, tail)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).first.click()
    page.wait_for_timeout(2000)


def choose(page: Page, choice: str) -> None:
    page.get_by_text(choice).locator("visible=true").first.click()
    page.wait_for_timeout(300)


def again(page: Page) -> None:
    """Begin a second completion of the task that was just submitted."""
    page.locator("button .anticon-plus").first.click()
    page.wait_for_timeout(1000)


STEPS: dict[str, Any] = {
    "label": hands.label,
    "relate": relate,
    "choose": choose,
    "submit": lambda page: press(page, "Submit"),
    "skip": lambda page: press(page, "Skip"),
    "again": again,
}

if __name__ == "__main__":
    main(Path(sys.argv[1]))
