"""The whole loop on the seeds: server, project, pre-annotation, gold as reviews, export, model, what it gains."""

import contextlib
from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr

from labeling.core.split import Split
from labeling.core.value import Value
from labeling.errors import ModelError
from labeling.nlp.evaluation.comparison import Comparison
from labeling.resources import resource
from labeling.settings import Workspace, init, open_workspace
from labeling.studio import server
from labeling.studio.client import Project, Studio
from labeling.studio.setup import CREDENTIALS
from labeling.studio.tasks import to_result
from labeling.workflow.connecting import connect, existing_project, start_studio
from labeling.workflow.documents import read_documents
from labeling.workflow.export.commands import export_project
from labeling.workflow.export.report import Exported
from labeling.workflow.importing.command import import_articles
from labeling.workflow.importing.report import Imported
from labeling.workflow.progress import Track, Working, unseen, unwatched

# So few documents that a tenth of them would be two.
DEMO_SPLIT = Split(dev=20, test=20)
MODEL = "models/demo"


class Demo(Value):
    """What the demo did.

    Attributes:
        workspace: Its folder.
        url: The project's address.
        email, password: The login.
        credentials: The file with the login.
        imported: What came of the articles.
        reviewed_now: How many gold documents were submitted in this run.
        exported: The training files.
        model: The trained model's folder; None where none was trained.
        gained: What pre-annotation finds in the held-out part with the model, against what it finds without.
    """

    workspace: Path
    url: str
    email: str
    password: SecretStr
    credentials: Path
    imported: Imported
    reviewed_now: int
    exported: Exported
    model: Path | None = None
    gained: Comparison | None = None


def demo(
    folder: Path,
    *,
    train: bool = True,
    say: Callable[[str], None] = lambda _: None,
    waiting: Callable[[float], None] = lambda _: None,
    track: Track = unseen,
    working: Working = unwatched,
) -> Demo:
    """The loop from the seeds to a model. What a run before has done already is not done again.

    `say` is told of each step before it begins.
    """
    init(folder, split=DEMO_SPLIT)
    # The demo is a playground: a Label Studio that the environment names stays out of it.
    workspace = open_workspace(folder, url="")
    say("Starting Label Studio (the first time takes about a minute)")
    start_studio(workspace, waiting=waiting)
    say("Importing the seed articles with their pre-annotations")
    imported = import_articles(workspace, [str(resource("seeds"))], track=track)
    say("Submitting the gold labels as reviews")
    with connect(workspace) as studio:
        project = existing_project(studio, workspace)
        reviewed = submit_gold(studio, project, resource("seeds") / "gold.jsonl", track)
    say("Exporting the reviewed labels")
    exported = export_project(workspace, workspace.exports, track=track)
    model, gained = None, None
    if train:
        model = _model(workspace, exported, say, working)
        say("Comparing pre-annotation with the model and without on the held-out part")
        gained = _gained(workspace, model, exported, track)
    login = server.credentials(workspace.studio_folder)
    return Demo(
        workspace=folder,
        url=project.url,
        email=login.email if login else "",
        password=login.password if login else SecretStr(""),
        credentials=workspace.studio_folder / CREDENTIALS,
        imported=imported,
        reviewed_now=reviewed,
        exported=exported,
        model=model,
        gained=gained,
    )


def submit_gold(studio: Studio, project: Project, file: Path, track: Track = unseen) -> int:
    """How many gold documents were submitted as annotations; articles that anyone has touched are left alone."""
    gold = {doc.doc_id: doc for doc in read_documents(file)}
    stored = studio.stored(project, list(gold))
    untouched = {doc_id: one.digest for doc_id, one in stored.items() if not one.begun}
    todo = [doc for doc in gold.values() if untouched.get(doc.doc_id) == doc.digest]
    for doc in track(todo, "Submitting", len(todo)):
        studio.submit(stored[doc.doc_id].task_id, to_result(doc))
    return len(todo)


def _model(workspace: Workspace, exported: Exported, say: Callable[[str], None], working: Working) -> Path:
    """The model of exactly these training files and this installation: the one of an earlier run, or a new one."""
    from labeling.nlp.learn.training import Options
    from labeling.workflow.cards import Card, gold_of, read_card
    from labeling.workflow.training import can_learn, learn, train

    output = workspace.folder / MODEL
    options = Options() if can_learn() else None
    made = Card(gold=gold_of(exported.folder), options=options.model_dump(mode="json") if options else {})
    with contextlib.suppress(ModelError):  # there is none yet, or it was changed
        there = read_card(output / "model-best")
        if (there.gold.parts, there.options, there.versions) == (made.gold.parts, made.options, made.versions):
            return output / "model-best"
    say("Training a small model on them (about a minute)")
    if options is None:
        return train(exported.folder, output).model
    with working("Training") as advance:
        return learn(exported.folder, output, workspace.label_schema, options, advance).model


def _gained(workspace: Workspace, model: Path, exported: Exported, track: Track) -> Comparison:
    from labeling.workflow.evaluating import against_untrained

    return against_untrained(str(model), workspace.settings.model, workspace.label_schema, exported.folder, track=track)
