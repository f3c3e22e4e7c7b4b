"""What a model is built on: its parser and the recogniser's input, chosen from what is installed."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import spacy
from spacy.language import Language
from thinc.api import require_gpu

from labeling.core.value import Value
from labeling.errors import ModelError
from labeling.nlp.bases import (
    AUTO,
    NONE,
    check_language_of,
    parser_for,
    transformer_for,
    transformer_of,
    vectors_of,
)
from labeling.nlp.learn import encoder as encoders
from labeling.nlp.learn.encoder import Encoder
from labeling.nlp.lineage import files_hash
from labeling.nlp.load import load, model_stamp
from labeling.nlp.pipelines import named

Kind = Literal["transformer", "encoder", "vectors", "blank"]


class Stamp(Value):
    """A pretrained artefact that a model was built on; `sha256` is over its files."""

    kind: str
    name: str
    sha256: str = ""


@dataclass(frozen=True)
class Base:
    """What a model is built on.

    Attributes:
        parser: The pipeline that tags, parses and finds names; blank if the language has none. Its vocabulary holds the
            static vectors if the recogniser reads any.
        kind: What the recogniser reads.
        encoder: The frozen encoder, if there is one.
        transformer: The pipeline with the transformer, which is not fine-tuned; None if there is none.
        stamps: Names and checksums of all of these, for the model card.
        summary: The choice in one line.
    """

    parser: Language
    kind: Kind
    encoder: Encoder | None
    transformer: Language | None
    stamps: tuple[Stamp, ...]
    summary: str


def choose(language: str, base: str = AUTO, encoder: str = AUTO, threads: int = 1, *, gpu: bool = False) -> Base:
    """The base that was asked for, or the best one installed for the language.

    Args:
        language: spaCy's code.
        base: A pipeline with a transformer or static vectors (package name or folder); `auto`; or `none`.
        encoder: A folder with `model.onnx` and `tokenizer.json`; `auto` for the installed one, if it is for the
            language; or `none`.
        threads: The number of threads for the encoder.
        gpu: Whether to use a GPU; `auto` then takes an installed transformer for the language.

    Raises:
        ModelError: What was asked for is missing, for another language, or has no vectors; or there is no GPU.
    """
    if gpu:
        _require_gpu()
    stamps: list[Stamp] = []
    parser_name = parser_for(language)
    parser = load(parser_name) if parser_name else spacy.blank(language)
    if parser_name:
        stamps.append(Stamp(kind="parser", name=model_stamp(parser_name), sha256=files_hash(parser_name)))
    if base == AUTO and gpu and encoder == AUTO:
        base = transformer_for(language) or AUTO
    if base not in (AUTO, NONE) and (component := transformer_of(base)):
        check_language_of(base, language)
        read = load(base)
        read.select_pipes(enable=[component])
        stamps.append(Stamp(kind="transformer", name=model_stamp(base), sha256=files_hash(base)))
        return Base(parser, "transformer", None, read, tuple(stamps), _summary(stamps, "transformer", language))
    frozen = _encoder(language, encoder, threads, stamps)
    kind: Kind = "encoder" if frozen else "blank"
    name = vectors_of(NONE if frozen and base == AUTO else base, language)
    if name:
        # word hashes are the same in both pipelines, and the parser is saved with the vectors
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # W095: made with an earlier spaCy 3.x
            parser.vocab.vectors = load(name).vocab.vectors
        kind = "vectors"
        stamps.append(Stamp(kind=kind, name=model_stamp(name), sha256=files_hash(name)))
    return Base(parser, kind, frozen, None, tuple(stamps), _summary(stamps, kind, language))


def _require_gpu() -> None:
    try:
        require_gpu()
    except ValueError as error:
        raise ModelError(
            "There is no GPU that spaCy can compute on.",
            "Install spaCy with the CUDA of this machine (`pip install 'spacy[cuda12x]'`), or leave --gpu out.",
        ) from error


def _encoder(language: str, asked: str, threads: int, stamps: list[Stamp]) -> Encoder | None:
    if asked == NONE:
        return None
    if asked == AUTO:
        if language != encoders.LANGUAGE or not encoders.installed():
            return None
        found, name = encoders.from_package(threads), encoders.PACKAGE
    else:
        found, name = encoders.from_folder(Path(asked), threads), Path(asked).name
    stamps.append(Stamp(kind="encoder", name=name, sha256=found.sha256))
    return found


def _summary(stamps: list[Stamp], kind: Kind, language: str) -> str:
    by_kind = {stamp.kind: stamp.name for stamp in stamps}
    parser = by_kind.get("parser", f"no parser for {named(language)} (words and shapes alone)")
    reads = {
        "transformer": f"the transformer of {by_kind.get('transformer')}, as it is",
        "encoder": f"the frozen encoder {by_kind.get('encoder')}",
        "vectors": f"the static vectors of {by_kind.get('vectors')}",
        "blank": "nothing pretrained",
    }[kind]
    return f"Built on {parser}; the recogniser reads {reads}."
