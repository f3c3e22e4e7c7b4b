"""A trained model → the workspace's model, if it is at least as good as the current one on the same frozen test.

Both models pre-annotate the test as `labeling import` would, and `labeling.core.gate` compares what they find. A test
that has changed, or a model that was trained on texts of it, would make the comparison worthless, and is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labeling.core.gate import LABEL_MARGIN, MARGIN, Gate, Side, decide
from labeling.core.schema import LabelSchema
from labeling.core.value import Value
from labeling.core.wording import listed
from labeling.errors import InputError, ModelError
from labeling.promoted import Promoted, keep_promoted
from labeling.settings import Workspace
from labeling.workflow.card import Card
from labeling.workflow.cards import CARD, read_card
from labeling.workflow.model_store import remove_older, store
from labeling.workflow.progress import Track, no_track

NEW_TEST = "--new-test compares both models on the current test part."


class Promotion(Value):
    """The outcome of a promotion.

    Attributes:
        model: The new model's name.
        there: The name of the current model, before the promotion.
        promoted: Whether the new one is the workspace's model now.
        gate: The comparison; None if the model was the workspace's already.
        forced: Whether it was promoted although the comparison is undecided.
        notes: Caveats, a sentence each.
    """

    model: str
    there: str
    promoted: bool
    gate: Gate | None = None
    forced: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Rival:
    """A model to compare: its package or folder, its name, and its card if it has one.

    `model` is "" if there is none: then nothing is predicted.
    """

    model: str
    name: str
    card: Card | None


def promote(
    workspace: Workspace,
    model: str,
    exports: Path,
    *,
    margin: float = MARGIN,
    label_margin: float = LABEL_MARGIN,
    force: bool = False,
    new_test: bool = False,
    track: Track = no_track,
) -> Promotion:
    """Make a model the workspace's, if it passes the gate.

    Args:
        workspace: The workspace.
        model: The folder of a trained model, or an installed package.
        exports: An exported folder, whose test part decides.
        margin: By how much F of all spans may be worse, 0 to 1.
        label_margin: By how much F of a label or relation may be worse.
        force: Whether to promote it even if the comparison is undecided.
        new_test: Whether to use the current test part instead of the frozen one.
        track: Shows the progress.

    Raises:
        ModelError: The folder is not a model, has no card, or is not what its card says; or it is for other labels.
        InputError: The test changed or is empty, or one of the models knows texts of it; or a file cannot be written.
    """
    from labeling.nlp.load import model_folder, model_stamp
    from labeling.nlp.pipelines import check_language

    schema = workspace.label_schema
    name = model_stamp(model)
    folder = model_folder(model)
    card = read_card(folder)
    _check_schema(card, schema, model)
    check_language(model, schema)
    there = _current(workspace)
    if there.name == name and workspace.uses_promoted:
        return Promotion(model=name, there=name, promoted=True, notes=(f"{name} is the workspace's model already.",))
    test, notes = _test(workspace, exports, new_test=new_test)
    _check_leaks(_Rival(model, name, card), test.fingerprints(), exports)
    _check_leaks(there, test.fingerprints(), exports)
    new_side, groups = _side(test, model, schema, track)
    there_side, _ = _side(test, there.model, schema, track)
    gate = decide(new_side, there_side, margin=margin, label_margin=label_margin, groups=groups)
    forced = force and gate.outcome == "undecided"
    if gate.outcome != "promote" and not forced:
        return Promotion(model=name, there=there.name, promoted=False, gate=gate, notes=notes)
    is_package = not Path(model).is_dir()
    kept = model if is_package else store(workspace, folder, card)
    promoted = Promoted(
        model=kept,
        is_package=is_package,
        name=name,
        instead_of=workspace.settings.model,
        at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        test=test.fingerprints(),
        before=there.name,
        gate=gate.model_dump(mode="json"),
    )
    keep_promoted(workspace.state, promoted)
    remove_older(workspace, {kept, there.name})
    return Promotion(model=name, there=there.name, promoted=True, gate=gate, forced=forced, notes=notes)


def _current(workspace: Workspace) -> _Rival:
    """The workspace's current model."""
    from labeling.nlp.load import model_exists, model_folder, model_stamp

    model = workspace.model
    if not workspace.uses_promoted and not Path(model).is_dir() and not model_exists(model):
        return _Rival("", f"nothing ({model} is not installed)", None)
    folder = model_folder(model)
    card = read_card(folder) if (folder / CARD).is_file() else None
    return _Rival(model, model_stamp(model), card)


def _check_schema(card: Card, schema: LabelSchema, model: str) -> None:
    """Refuse a model that was not trained for the labels and relations of the workspace.

    Raises:
        ModelError: It was not.
    """
    stamp = card.label_schema
    if stamp.sha256 and stamp.sha256 == schema.sha256:
        return
    faults = []
    for kind, own, those in (
        ("label", stamp.labels, schema.labels),
        ("relation", stamp.relations, schema.relations),
    ):
        if strange := [name for name in own if name not in those]:
            faults.append(f"{kind}s that the workspace does not have: {', '.join(strange)}")
    if lacking := [name for name in schema.labels if name not in stamp.labels]:
        faults.append(f"no label {', '.join(lacking)}")
    if faults:
        named = f"the schema {stamp.name}-{stamp.version}" if stamp.name else "other labels"
        raise ModelError(
            f"The model {model} was trained for {named}, and the workspace has {schema.key}. It has "
            f"{'; '.join(faults)}.",
            "Train on what this workspace exports, or name the workspace of that schema with -w.",
        )


def _test(workspace: Workspace, exports: Path, *, new_test: bool) -> tuple[Any, tuple[str, ...]]:
    """The test documents, and notes about them.

    Raises:
        InputError: There are none, they have no spans, or they differ from those of the last promotion.
    """
    from labeling.nlp.evaluation.preannotated import Test
    from labeling.nlp.folder import part_file

    path = part_file(exports, "test")
    test = Test.read(path)
    if not test.articles:
        raise InputError(
            f"{exports} has no documents in its test part, so nothing can be compared.",
            "Review more articles, or enlarge the part by [split] in labeling.toml, and export again.",
        )
    frozen = workspace.promoted.test if workspace.promoted and not new_test else None
    notes = []
    if frozen is not None:
        found = test.fingerprints()
        _check_frozen(frozen, found, path)
        if more := len(found.keys() - frozen.keys()):
            notes.append(f"{more} newer documents of {path} are not in the frozen test, and were left out. {NEW_TEST}")
            test.keep(frozen.keys())
    if not any(gold.sides["group"].marks for gold in test.references):
        raise InputError(f"There are no spans in {path}, so nothing can be compared.", "Review more articles.")
    return test, tuple(notes)


def _check_frozen(frozen: Mapping[str, str], found: Mapping[str, str], path: Path) -> None:
    missing = [text for text in frozen if text not in found]
    changed = [text for text in frozen if text in found and frozen[text] != found[text]]
    if not missing and not changed:
        return
    faults = [f"{len(missing)} of its {len(frozen)} documents are not there"] if missing else []
    faults += [f"{len(changed)} have other labels"] if changed else []
    raise InputError(
        f"The test changed since the last promotion: in {path}, {' and '.join(faults)}. Figures of two tests cannot be "
        "compared.",
        NEW_TEST,
    )


def _check_leaks(rival: _Rival, test: Mapping[str, str], exports: Path) -> None:
    """Refuse a model that was trained or tuned on texts of the test.

    Raises:
        InputError: It was.
    """
    known = sorted(rival.card.trained_on & test.keys()) if rival.card else []
    if not known:
        return
    raise InputError(
        f"{rival.name} was trained or tuned on {len(known)} of the {len(test)} documents in the test part of {exports} "
        f"(texts {listed(known, 3)}): it would look better than it is.",
        "Use a test part that neither model was trained on, such as that of the export it was trained with.",
    )


def _side(test: Any, model: str, schema: LabelSchema, track: Track) -> tuple[Side, tuple[int, ...]]:
    """The counts of what a model finds in the test, and the group of near-duplicates of each document."""
    from labeling.workflow.evaluating import pre_annotated

    counts = pre_annotated(test, model, schema, track)
    return Side(counts.labels, counts.exact, counts.relation_labels, counts.relations), counts.groups
