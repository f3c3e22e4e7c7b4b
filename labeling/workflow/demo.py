"""The whole loop on the seeds: server, project, pre-annotation, gold as reviews, export, model, comparison."""

import contextlib
from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr

from labeling.core.schema import LabelSchema
from labeling.core.split import Split
from labeling.core.value import Value
from labeling.errors import ModelError
from labeling.nlp.evaluation.comparison import Comparison
from labeling.resources import resource
from labeling.settings import Workspace, init, open_workspace
from labeling.studio.client import Project, Studio
from labeling.studio.setup import CREDENTIALS, read_credentials
from labeling.studio.tasks import to_result
from labeling.workflow.connecting import connect, existing_project, start_studio
from labeling.workflow.documents import read_documents
from labeling.workflow.export.commands import export_project
from labeling.workflow.export.report import Exported
from labeling.workflow.importing.command import import_articles
from labeling.workflow.importing.report import Imported
from labeling.workflow.progress import Track, Working, no_track, no_working

# A tenth of the documents would be only two.
DEMO_SPLIT = Split(dev=20, test=20)
MODEL = "models/demo"


class Demo(Value):
    """The outcome of the demo.

    Attributes:
        workspace: Its folder.
        url: The project's address.
        email, password: The login.
        credentials: The file with the login.
        imported: The report of the import.
        reviewed_now: The number of gold documents submitted in this run.
        exported: The report of the export.
        model: The trained model's folder; None if none was trained.
        gained: Pre-annotation of the held-out part with the model, compared with pre-annotation without it.
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
    track: Track = no_track,
    working: Working = no_working,
) -> Demo:
    """Run the loop from the seeds to a model, without repeating what an earlier run has done.

    `say` is called with each step before it begins.
    """
    init(folder, split=DEMO_SPLIT)
    # The demo is a playground: it leaves alone a Label Studio that the environment names.
    workspace = open_workspace(folder, url="")
    say("Starting Label Studio (the first time takes about a minute)")
    start_studio(workspace, waiting=waiting)
    say("Importing the seed articles with their pre-annotations")
    imported = import_articles(workspace, [str(resource("seeds"))], track=track)
    say("Submitting the gold labels as reviews")
    with connect(workspace) as studio:
        project = existing_project(studio, workspace)
        reviewed = submit_gold(studio, project, resource("seeds") / "gold.jsonl", workspace.label_schema, track)
    say("Exporting the reviewed labels")
    exported = export_project(workspace, workspace.exports, track=track)
    model, gained = None, None
    if train:
        from labeling.workflow.evaluating import against_untrained

        model = _model(workspace, exported, say, working)
        say("Comparing pre-annotation with the model and without on the held-out part")
        sides = (str(model), workspace.settings.model)
        gained = against_untrained(*sides, workspace.label_schema, workspace.exports, track=track)
    login = read_credentials(workspace.studio_folder)
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


def submit_gold(studio: Studio, project: Project, file: Path, schema: LabelSchema, track: Track = no_track) -> int:
    """Submit gold documents as annotations of the tasks that nobody has begun; how many were submitted."""
    gold = {doc.doc_id: doc for doc in read_documents(file)}
    stored = studio.stored(project, list(gold))
    untouched = {doc_id: one.digest for doc_id, one in stored.items() if not (one.begun or one.sections)}
    todo = [doc for doc in gold.values() if untouched.get(doc.doc_id) == doc.digest]
    for doc in track(todo, "Submitting", len(todo)):
        studio.submit(stored[doc.doc_id].task_id, to_result(doc, schema))
    return len(todo)


def _model(workspace: Workspace, exported: Exported, say: Callable[[str], None], working: Working) -> Path:
    """The model of an earlier run, if these training files and this installation made it, else a new one."""
    from labeling.nlp.learn.training import Options
    from labeling.workflow.card import Card
    from labeling.workflow.cards import gold_of, read_card
    from labeling.workflow.training import can_learn, learn, train

    output = workspace.folder / MODEL
    options = Options() if can_learn() else None
    made = Card(gold=gold_of(workspace.exports), options=options.model_dump(mode="json") if options else {})
    with contextlib.suppress(ModelError):  # there is none yet, or it was changed
        there = read_card(output / "model-best")
        if (there.gold.parts, there.options, there.versions) == (made.gold.parts, made.options, made.versions):
            return output / "model-best"
    say("Training a small model on them (about a minute)")
    if options is None:
        return train(workspace.exports, output).model
    with working("Training") as advance:
        return learn(workspace.exports, output, workspace.label_schema, options, advance).model
