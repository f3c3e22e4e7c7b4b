"""`labeling demo`."""

import sys
from typing import Annotated

import typer

from labeling.cli import console, scores
from labeling.cli.options import HERE, WorkspaceOption


def command(
    workspace: WorkspaceOption = HERE,
    train: Annotated[bool, typer.Option(help="Train a small model and compare it.")] = True,
    browser: Annotated[bool, typer.Option(help="Open the project in the browser at the end.")] = True,
) -> None:
    """Run the whole loop on an embedded Label Studio: import, review, export, train, compare.

    Example: `labeling demo --no-train --workspace /tmp/demo`
    """
    from labeling.workflow.demo import demo

    def step(text: str) -> None:
        console.say(f"• {text}")

    done = demo(workspace, train=train, say=step, waiting=console.waiting, track=console.track, working=console.working)
    manifest = done.exported.manifest
    here = "" if workspace == HERE else f" --workspace {workspace}"
    rows = [
        ("articles in the project", done.imported.articles, f"{done.imported.created} new in this run"),
        ("reviewed", manifest["tasks"]["reviewed"], f"{done.reviewed_now} gold labels submitted in this run"),
        ("waiting for you", manifest["tasks"]["pending"], "open the project and press Label All Tasks"),
        ("spans exported", manifest["spans"]["in"], _list(manifest["spans"])),
        ("relations exported", manifest["relations"]["in"], _list(manifest["relations"])),
        (
            "training files",
            manifest["documents"]["out"],
            f"documents in {done.exported.folder}: {_list(manifest['documents'])}",
        ),
    ]
    console.put()
    console.table("One round of the loop", ["", "number", ""], rows)
    if done.gained:
        from labeling.core.bootstrap import LEVEL

        console.put()
        title = f"Pre-annotation of the {done.gained.documents} held-out articles, with the trained model and without"
        scores.show_comparison(title, done.gained, f"{LEVEL:.0%}", ("trained", "untrained"))
        documents = manifest["documents"]["train"] + manifest["documents"]["dev"]
        console.put(f"Trained on {documents} documents: enough to see the loop work, too few for a useful model.")
        console.put("The untrained weights were fitted to these very articles, so training may not improve the spans.")
        console.put("On your own articles, there is more to learn.")
    console.put()
    console.put(f"Continue labelling: {done.url}")
    if console.sees(sys.stdout):
        console.put(f"  login {done.email}, password ", secret=done.password.get_secret_value())
    else:  # a log is kept, and others may read it
        console.put(f"  login {done.email}; the password is in {done.credentials}")
    model = f" --model {done.model}" if done.model else ""
    console.put()
    console.put("Next:")
    console.put(f"  labeling status{here}                     # what you have reviewed so far")
    console.put(f"  labeling import YOUR_ARTICLES{here}{model}   # pre-annotate your own")
    console.put(f"  labeling studio stop{here}                # stop the server; nothing is lost")
    if browser and console.sees(sys.stdout):
        import webbrowser

        webbrowser.open(done.url)


def _list(numbers: dict[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in numbers.items() if name not in {"in", "out"} and n)
