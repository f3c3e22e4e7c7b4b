"""The pipeline component `span_tagger`: the probability of each span tag of each token, trained by spaCy's own loop.

Its model is any spaCy `tok2vec` (static vectors, a transformer, hash embeddings) or the frozen encoder, followed by a
softmax per layer of tags. Unlike `ner`, it gives probabilities.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy
import spacy
from numpy.typing import NDArray
from spacy.language import Language
from spacy.ml.featureextractor import FeatureExtractor
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example
from spacy.training.loop import train_while_improving
from spacy.util import registry
from thinc.api import (
    Dropout,
    HashEmbed,
    Linear,
    Maxout,
    Model,
    chain,
    concatenate,
    fix_random_seed,
    list2ragged,
    ragged2list,
    with_array,
)
from thinc.types import Floats2d

from labeling.nlp.learn.tags import MISSING, Tags, normalised
from labeling.nlp.quick import optimize

TAGS = "tags"  # of an example's reference, in `user_data`: shape (tokens, layers)
LOGS = "span_tagger"  # of a document, in `user_data`: log-probabilities, shape (tokens, width)
DROPOUT = 0.5  # of the encoder's vectors, in training
RATE = 0.001  # Adam's learning rate
SMALLEST, LARGEST, GROWTH = 200, 1_000, 1.002  # tokens of the first and the largest batch, and the growth per batch
PIECE = 40  # tokens of a piece of a document, at least; it ends with a sentence
FACTORY = "span_tagger"


@registry.architectures("labeling.DocTensor.v1")  # type: ignore[untyped-decorator]
def doc_tensor(
    width: int, vectors: int, attrs: list[str], rows: list[int], size: int
) -> Model[list[Doc], list[Floats2d]]:
    """A layer that maps `doc.tensor` and the tokens' attributes to one vector per token.

    Args:
        width: The length of the output vectors.
        vectors: The length of the vectors in `doc.tensor`.
        attrs: Attributes of tokens, as `spacy.MultiHashEmbed` takes them.
        rows: The number of rows in each attribute's embedding table.
        size: The length of each embedding.
    """
    embeds: list[Model[Any, Any]] = [
        HashEmbed(size, number, column=column, dropout=DROPOUT, seed=column) for column, number in enumerate(rows)
    ]
    described: Model[Any, Any] = chain(
        FeatureExtractor(attrs), list2ragged(), with_array(concatenate(*embeds)), ragged2list()
    )
    read: Model[Any, Any] = chain(Model("doc_tensor", _tensors, dims={"nO": vectors}), with_array(Dropout(DROPOUT)))
    mix: Model[Any, Any] = Maxout(nO=width, nI=vectors + size * len(rows), nP=3, dropout=DROPOUT / 2, normalize=True)
    model: Model[list[Doc], list[Floats2d]] = chain(concatenate(read, described), with_array(mix))
    model.set_dim("nO", width)
    return model


def _tensors(model: Model[Any, Any], docs: Sequence[Doc], is_train: bool) -> tuple[list[Any], Callable[..., Any]]:
    tensors: list[Any] = [doc.tensor for doc in docs]
    return [model.ops.asarray(tensor, dtype="f") for tensor in tensors], lambda gradients: []


@registry.architectures("labeling.SpanTagger.v1")  # type: ignore[untyped-decorator]
def span_tagger(tok2vec: Model[list[Doc], list[Floats2d]]) -> Model[list[Doc], list[Floats2d]]:
    """A linear layer from the vectors of a `tok2vec` to logits of the tags; `nO` is set in `initialize`."""
    output = Linear(nI=tok2vec.maybe_get_dim("nO"))
    model: Model[list[Doc], list[Floats2d]] = chain(tok2vec, with_array(output))
    model.set_ref("output", output)
    model.set_ref("tok2vec", tok2vec)
    return model


class SpanTagger(TrainablePipe):  # type: ignore[misc]
    """Predicts log-probabilities of tags into `doc.user_data["span_tagger"]`; the tags are set before training."""

    def __init__(self, vocab: Any, model: Any, name: str, layers: list[list[str]], longest: int) -> None:
        self.vocab, self.model, self.name = vocab, model, name
        self.tags = Tags(tuple(map(tuple, layers)), longest)
        self.cfg: dict[str, Any] = {}
        self.scorer = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the spans."""
        return self.tags.labels

    def predict(self, docs: Iterable[Doc]) -> list[NDArray[numpy.float32]]:
        """The log-probabilities of the tags of each document; shape (tokens, width)."""
        docs = list(docs)
        if not any(map(len, docs)):
            return [numpy.zeros((0, self.tags.width), dtype=numpy.float32) for _ in docs]
        logits = self.model.predict(docs)
        return [normalised(self.model.ops.to_numpy(one), self.tags) for one in logits]

    def set_annotations(self, docs: Iterable[Doc], scores: Any) -> None:
        """Store the log-probabilities for later components."""
        for doc, logs in zip(docs, scores, strict=True):
            doc.user_data[LOGS] = logs

    def initialize(self, get_examples: Callable[[], Iterable[Example]], *, nlp: Language | None = None) -> None:
        """Set the model's dimensions."""
        sample = [example.predicted for _, example in zip(range(10), get_examples(), strict=False)]
        output = self.model.get_ref("output")
        output.set_dim("nO", self.tags.width)
        self.model.initialize(X=sample)

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Any = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """Train on a batch, without the tokens whose tag is `MISSING`."""
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = [example for example in examples if len(example.predicted)]
        if not examples:
            return losses
        logits, backpropagate = self.model.begin_update([example.predicted for example in examples])
        gradients = []
        for one, example in zip(logits, examples, strict=True):
            gradient = self.model.ops.to_numpy(one)
            gradient, loss = self._gradient(gradient, example.reference.user_data[TAGS])
            gradients.append(self.model.ops.asarray2f(gradient))
            losses[self.name] += loss
        backpropagate(gradients)
        if sgd is not None:
            self.finish_update(sgd)
        return losses

    def _gradient(self, logits: NDArray[numpy.float32], tags: NDArray[Any]) -> tuple[NDArray[numpy.float32], float]:
        """The gradient of the cross-entropy with respect to the logits, and the cross-entropy in nats."""
        logs = normalised(logits, self.tags)
        found = numpy.exp(logs)
        loss = 0.0
        for layer, columns in enumerate(self.tags.columns):
            known = numpy.flatnonzero(tags[:, layer] != MISSING)
            wanted = columns.start + tags[known, layer]
            found[known, wanted] -= 1
            loss -= float(logs[known, wanted].sum())
            found[tags[:, layer] == MISSING, columns] = 0
        return found, loss


@Language.factory(FACTORY, assigns=["doc.user_data"])
def make_span_tagger(
    nlp: Language, name: str, model: Model[list[Doc], list[Floats2d]], layers: list[list[str]], longest: int
) -> SpanTagger:
    """The component `span_tagger`; `layers` are groups of labels that exclude each other, `longest` is in tokens."""
    return SpanTagger(nlp.vocab, model, name, layers, longest)


def config_of(tags: Tags, vectors: int | None, *, static: bool = False, width: int = 96) -> dict[str, Any]:
    """The config of a `span_tagger`; `vectors` is the length of the vectors in `doc.tensor`, if it reads these."""
    if vectors:
        embed: dict[str, Any] = {"@architectures": "labeling.DocTensor.v1", "width": width, "vectors": vectors}
        embed |= {"attrs": ["TAG", "DEP", "ENT_TYPE", "SHAPE"], "rows": [200, 200, 100, 2000], "size": 32}
    else:
        embed = {
            "@architectures": "spacy.MultiHashEmbed.v2",
            "width": width,
            "attrs": ["NORM", "PREFIX", "SUFFIX", "SHAPE"],
            "rows": [5000, 1000, 2500, 2500],
            "include_static_vectors": static,
        }
    encode = {
        "@architectures": "spacy.MaxoutWindowEncoder.v2",
        "width": width,
        "window_size": 1,
        "maxout_pieces": 3,
        "depth": 2 if vectors else 4,
    }
    tok2vec = {"@architectures": "spacy.Tok2Vec.v2", "embed": embed, "encode": encode}
    return {
        "model": {"@architectures": "labeling.SpanTagger.v1", "tok2vec": tok2vec},
        "layers": [list(layer) for layer in tags.layers],
        "longest": tags.longest,
    }


def examples_of(docs: Iterable[Doc], tags: Iterable[NDArray[Any]]) -> Iterator[Example]:
    """The documents and their tags as spaCy's training examples."""
    for doc, known in zip(docs, tags, strict=True):
        reference = Doc(doc.vocab, [t.text for t in doc], [bool(t.whitespace_) for t in doc])
        reference.user_data[TAGS] = known
        yield Example(doc, reference)


def train(
    docs: Sequence[Doc],
    tags: Sequence[NDArray[Any]],
    of: Tags,
    nlp: Language,
    settings: dict[str, Any],
    seed: int,
    epochs: float,
    advance: Callable[[float], None],
) -> Language:
    """A blank pipeline with a `span_tagger` trained on the documents, by spaCy's own loop and averaged optimizer.

    Args:
        docs: The documents, with whatever the model reads.
        tags: Their tags, shape (tokens, layers) each.
        of: The tags to learn.
        nlp: The pipeline whose vocabulary the documents share.
        settings: The component's config, from `config_of`.
        seed: The seed of weights, order and dropout.
        epochs: The number of passes over the documents.
        advance: Called with the share of the work done since the last call.
    """
    fix_random_seed(seed)
    blank = spacy.blank(nlp.lang or "xx", vocab=nlp.vocab)
    blank.config["training"]["optimizer"] |= {"use_averages": True, "learn_rate": RATE}
    blank.add_pipe(FACTORY, config=settings)
    pieces = [piece for doc, known in zip(docs, tags, strict=True) for piece in _pieces(doc, known)]
    examples = list(examples_of(*zip(*pieces, strict=True)))
    optimizer = blank.initialize(lambda: examples)
    optimize(blank)
    batches = _batches(examples, epochs, seed)
    steps = train_while_improving(
        blank,
        optimizer,
        ((0, batch) for batch in batches),
        evaluate=lambda: (0.0, {}),
        dropout=0.1,
        eval_frequency=10**9,
        accumulate_gradient=1,
        patience=0,
        max_steps=len(batches),
        exclude=[],
        annotating_components=[],
        before_update=None,
    )
    for _ in steps:
        advance(1 / len(batches))
    tagger: Any = blank.get_pipe(FACTORY)
    with tagger.model.use_params(optimizer.averages):
        kept = tagger.model.to_bytes()
    tagger.model.from_bytes(kept)
    return blank


def _pieces(doc: Doc, tags: NDArray[Any]) -> Iterator[tuple[Doc, NDArray[Any]]]:
    """A document and its tags in pieces of whole sentences, so that batches can be small."""
    starts = [token.i for token in doc if token.is_sent_start] if doc.has_annotation("SENT_START") else [0]
    first = 0
    for start in [*starts[1:], len(doc)]:
        if start - first >= PIECE or start == len(doc):
            if start > first:
                piece = doc[first:start].as_doc()
                piece.tensor = doc.tensor[first:start] if len(doc.tensor) else doc.tensor
                yield piece, tags[first:start]
            first = start


def _batches(examples: list[Example], epochs: float, seed: int) -> list[list[Example]]:
    """Batches of a growing number of tokens; the examples are shuffled anew in each epoch."""
    rng = numpy.random.default_rng(seed)
    left = epochs * sum(len(example.predicted) for example in examples)
    batches: list[list[Example]] = [[]]
    tokens, size = 0, float(SMALLEST)
    while left > 0:
        for index in rng.permutation(len(examples)):
            batches[-1].append(examples[index])
            tokens += len(examples[index].predicted)
            if tokens >= size:
                left -= tokens
                batches.append([])
                tokens, size = 0, min(LARGEST, size * GROWTH)
                if left <= 0:
                    break
        else:
            left -= tokens
            batches.append([])
            tokens = 0
    return [batch for batch in batches if batch]
