"""`labeling train`: an exported folder → a trained model with its card.

`learn` trains a pipeline on everything in the reviews, with `labeling.nlp.learn.training`; `train` runs spaCy's own
training with the exported config, with `labeling.nlp.training`. `add_card` writes the card of either.
"""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from labeling.core.parsing import parse_json
from labeling.core.schema import LabelSchema
from labeling.core.value import Value
from labeling.distribution import install
from labeling.errors import InputError, SchemaError
from labeling.files import replacing
from labeling.resources import resource
from labeling.settings import Workspace, read_schema, schema_file
from labeling.workflow.card import Base, Card, Figures, SchemaStamp
from labeling.workflow.cards import gold_of, schema_of, write_card

if TYPE_CHECKING:
    from labeling.nlp.learn.training import Options

NEEDED = "sklearn"  # of the extra `learn`; without it there is only spaCy's own training

BEST = "model-best"  # as spaCy names it
TUNED = "There is no test part, and the dev part selected the model, so these figures are too good."


class Relation(Value):
    """The result of training a relation: how many were reviewed, and F of the rules and of the learned model.

    `source` is what predicts it from now on: `rules`, `learned` or `none`.
    """

    label: str
    gold: int
    rules: float
    learned: float | None
    source: str


class Trained(Value):
    """A trained model.

    Attributes:
        model: Its folder, which spaCy loads.
        card: Its card.
        base: What it was built on, in one line.
        documents: The number of documents that it learned from.
        effort_before: The share of the work that pre-annotation saves without training, in cross-validation; None if
            there was only one document.
        effort_after: The share that it saves with training, in cross-validation.
        weights: How much each component is trusted.
        relations: The result for each relation.
    """

    model: Path
    card: Card
    base: str = ""
    documents: int = 0
    effort_before: float | None = None
    effort_after: float | None = None
    weights: dict[str, float] = Field(default_factory=dict)
    relations: tuple[Relation, ...] = ()


def can_learn() -> bool:
    """Whether everything that `learn` needs is installed."""
    return find_spec(NEEDED) is not None


def how_to_learn() -> str:
    """The command that installs what `learn` needs."""
    return install("learn,encoder")


def learn(
    folder: Path,
    output: Path,
    schema: LabelSchema,
    options: "Options",
    advance: Callable[[float, str], None],
    *,
    named: str | None = None,
) -> Trained:
    """Train a model on everything in an exported folder, with its card.

    Args:
        folder: What `labeling export` or `labeling convert` wrote.
        output: The folder in which the model becomes `model-best`.
        schema: The schema that the documents were reviewed with.
        options: How to train.
        advance: Is told the share of all work done since the last call, and the next step.
        named: The schema that the user named, if any, for the card.

    Raises:
        InputError: There is nothing to learn from, or a file cannot be written.
        ModelError: The base pipeline or encoder is not there, or is for another language.
        SchemaError: The reviews have labels that the schema lacks.
    """
    from labeling.nlp.learn import training

    with replacing(output / BEST) as model:
        made = training.train(folder, model, schema, options, advance)
        advance(0, "Measuring")
        card = add_card(
            model,
            folder,
            command=_command(folder, output, options, named),
            schema=_stamp(schema) if schema.folder else None,
            bases=tuple(Base(kind=one.kind, name=one.name, sha256=one.sha256) for one in made.stamps),
            seeds={"training": options.seed},
            options=options.model_dump(mode="json"),
        )
    report = made.relations.report if made.relations else ()
    return Trained(
        model=output / BEST,
        card=card,
        base=made.summary,
        documents=made.documents,
        effort_before=round(made.validation.before, 4) if made.folds > 1 else None,
        effort_after=round(made.validation.after, 4) if made.folds > 1 else None,
        weights=dict(made.validation.weights),
        relations=tuple(
            Relation(label=one.label, gold=one.gold, rules=one.rules, learned=one.learned, source=one.source)
            for one in report
        ),
    )


def trainer(schema: LabelSchema, options: "Options") -> Callable[[Path, Path], None]:
    """A function that trains a model on an exported folder, into another one, without a card."""

    def trained(folder: Path, model: Path) -> None:
        from labeling.nlp.learn import training

        training.train(folder, model, schema, options, lambda share, step: None)

    return trained


def schema_for(
    folder: Path, workspace: Workspace, name: str | None = None, say: Callable[[str], None] = lambda line: None
) -> LabelSchema:
    """The schema that an exported folder was reviewed with.

    It is the named one; else the workspace's or a shipped one, if it is the schema in the manifest, or at least has its
    name; else one made of the documents' labels and relations. `say` is told if it is not the manifest's.

    Raises:
        InputError: There is no such schema, or no exported folder.
        SchemaError: It has problems.
    """
    if name:
        return read_schema(schema_file(name, workspace.folder))
    stamp = schema_of(folder)
    if not stamp.name:
        return _of_documents(folder)
    files = (schema_file(workspace.settings.schema_name, workspace.folder), resource("schemas") / f"{stamp.name}.toml")
    found = [schema for file in files if file.is_file() and (schema := read_schema(file)).name == stamp.name]
    for schema in found:
        if schema.sha256 == stamp.sha256:
            return schema
    key = f"{stamp.name}-{stamp.version}"
    if found:
        say(f"Note: the schema {key} of the export differs from {found[0].key}, which is used now.")
        return found[0]
    say(
        f"Note: the schema {key} of the export is not here, so the labels and relations of the documents are used; "
        "--schema FILE names it."
    )
    return _of_documents(folder)


def _of_documents(folder: Path) -> LabelSchema:
    from labeling.nlp.learn import reviews

    docs = reviews.read(folder).docs
    labels = sorted({span.label for doc in docs for span in doc.spans})
    ends: dict[str, tuple[set[str], set[str]]] = {}
    for doc in docs:
        for relation in doc.relations:
            heads, tails = ends.setdefault(relation.label, (set(), set()))
            heads.add(doc.by_id[relation.head].label)
            tails.add(doc.by_id[relation.tail].label)
    try:
        return LabelSchema.model_validate(
            {
                "name": "reviewed",
                "version": "1.0.0",
                "title": "Reviewed documents",
                "language": _language(folder),
                "labels": {label: {} for label in labels},
                "relations": {
                    name: {"head": sorted(heads), "tail": sorted(tails)} for name, (heads, tails) in ends.items()
                },
            }
        )
    except ValueError as error:
        raise SchemaError(
            f"The labels in {folder} do not make a valid schema: {error}",
            "Name the schema that they were reviewed with: --schema.",
        ) from error


def _language(folder: Path) -> str:
    try:
        return str(parse_json((folder / "manifest.json").read_bytes())["language"]["code"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder} does not say which language its documents are in.", "Name their schema: --schema."
        ) from error


def _stamp(schema: LabelSchema) -> SchemaStamp:
    labels, relations = tuple(schema.labels), tuple(schema.relations)
    return SchemaStamp(
        name=schema.name, version=schema.version, sha256=schema.sha256, labels=labels, relations=relations
    )


def _command(folder: Path, output: Path, options: "Options", schema: str | None) -> str:
    words = ["labeling", "train", str(folder), "-o", str(output)]
    words += ["--quick"] if options.quick else []
    words += [f"--schema {schema}"] if schema else []
    words += [f"--{name} {getattr(options, name)}" for name in ("base", "encoder") if getattr(options, name) != "auto"]
    words += ["--gpu"] if options.gpu else []
    return " ".join([*words, f"--seed {options.seed}"])


def train(folder: Path, output: Path) -> Trained:
    """Train a model on an exported folder with spaCy's own training, with its card.

    Raises:
        InputError: The folder has no config, or no documents to train on or to select the best model; or a file cannot
            be written.
        ModelError: The config is for another language than the documents, or spaCy stopped.
    """
    from labeling.nlp import training
    from labeling.nlp.lineage import files_hash
    from labeling.nlp.load import model_stamp

    with replacing(output / BEST) as model:
        training.train(folder, model)
        read = training.vectors(folder)
        card = add_card(
            model,
            folder,
            command=training.command(folder, output),
            bases=(Base(kind="vectors", name=model_stamp(read), sha256=files_hash(read)),) if read else (),
            seeds=training.seeds(folder),
            judged_by=("test", "dev"),
        )
    return Trained(model=output / BEST, card=card)


def add_card(
    model: Path,
    folder: Path,
    *,
    command: str,
    schema: SchemaStamp | None = None,
    bases: tuple[Base, ...] = (),
    seeds: dict[str, int] | None = None,
    options: dict[str, Any] | None = None,
    judged_by: Sequence[str] = ("test",),
) -> Card:
    """Write a model's card into its folder; what both folders reveal is filled in.

    Args:
        model: The folder of the pipeline; its meta.json changes, since the model is named after its files.
        folder: The exported folder that it was trained on.
        command: The command that trained it.
        schema: The labels and relations that it was trained for; None for those of the exported folder.
        bases: What it was built on.
        seeds: Purpose → seed.
        options: The options of the training.
        judged_by: Parts that the model may be evaluated on; the first one that has documents is used.

    Raises:
        ModelError: The folder is not a model.
        InputError: The gold cannot be read, or the card cannot be written.
    """
    gold = gold_of(folder)
    card = Card(
        gold=gold,
        label_schema=schema or schema_of(folder),
        bases=bases,
        seeds=seeds or {},
        options=options or {},
        command=command,
        figures=_figures(model, folder, next((part for part in judged_by if part in gold.parts), None)),
    )
    return write_card(model, card)


def _figures(model: Path, folder: Path, part: str | None) -> Figures | None:
    """The model's scores on a part of an exported folder; None if it cannot be evaluated on it."""
    from labeling.workflow.evaluating import evaluate

    if part is None:
        return None
    try:
        scores = evaluate(str(model), folder, part)
    except InputError:  # the part has no spans, or none with a label that the model knows
        return None
    layer, found = next(iter(scores.layers.items()))
    notes = scores.notes if part == "test" else (TUNED, *scores.notes)
    return Figures(part=part, documents=scores.documents, layer=layer, found=found, notes=notes)
