"""The whole loop on the seeds: server, project, pre-annotation, gold labels as reviews, export, model, scores."""

from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr

from labeling.core.split import Split
from labeling.core.value import Value
from labeling.nlp.evaluation.report import Scores
from labeling.resources import resource
from labeling.settings import Workspace, init, open_workspace
from labeling.studio import server
from labeling.studio.client import Project, Studio
from labeling.studio.setup import CREDENTIALS
from labeling.studio.tasks import to_result
from labeling.workflow.connecting import connect, existing_project, start_studio
from labeling.workflow.exporting import export, read_documents
from labeling.workflow.import_report import Imported
from labeling.workflow.importing import import_articles
from labeling.workflow.progress import Track, unseen
from labeling.workflow.training_files import Exported

# So few documents that a tenth of them would be two.
DEMO_SPLIT = Split(dev=20, test=20)
MODEL = "models/demo"


class Demo(Value):
    """What the demo did. `scores` is None where no model was trained; `credentials` is the file with the login."""

    workspace: Path
    url: str
    email: str
    password: SecretStr
    credentials: Path
    imported: Imported
    reviewed_now: int
    exported: Exported
    model: Path | None = None
    scores: Scores | None = None


def demo(
    folder: Path,
    *,
    train: bool = True,
    say: Callable[[str], None] = lambda _: None,
    waiting: Callable[[float], None] = lambda _: None,
    track: Track = unseen,
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
    exported = export(workspace, workspace.exports, track=track)
    model, scores = _model(workspace, exported, say) if train else (None, None)
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
        scores=scores,
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


def _model(workspace: Workspace, exported: Exported, say: Callable[[str], None]) -> tuple[Path, Scores]:
    """The model of exactly these training files: the one of an earlier run, or a new one."""
    from labeling.files import write_atomic
    from labeling.workflow.evaluating import evaluate
    from labeling.workflow.training import train

    output = workspace.folder / MODEL
    model, stamp = output / "model-best", output / "trained-on"
    corpus = exported.manifest["sha256"]["train.spacy"] + exported.manifest["sha256"]["dev.spacy"]
    if not (stamp.is_file() and stamp.read_text(encoding="utf-8") == corpus and model.is_dir()):
        say("Training a small model on them (one to three minutes)")
        train(exported.folder, output)
        write_atomic(stamp, corpus)
    say("Evaluating it on the held-out part")
    return model, evaluate(str(model), exported.folder)
