"""Vectors of the shipped encoder, of which the last layers are cut off."""

from importlib.util import find_spec
from pathlib import Path

import numpy
import onnx
import onnxruntime
import pytest
import spacy

from labeling.nlp.learn.encoder import MODEL, PACKAGE, from_package

pytestmark = pytest.mark.train

TEXTS = (
    "Two people were killed in Mosul on Friday, Ann Bell said.\nNobody has claimed the attack.",
    "The bank raised its forecast.",
    "Storms cut power to 40,000 homes across northern Portugal, where rivers burst their banks and roads were closed.",
)


def test_vectors_do_not_depend_on_the_batch():
    docs = [spacy.blank("en")(text) for text in TEXTS]
    encoder = from_package()
    for doc, together in zip(docs, encoder.vectors(docs), strict=True):
        numpy.testing.assert_allclose(encoder.vectors([doc])[0], together, atol=1e-4)


def test_vectors_are_those_of_the_second_and_the_fourth_of_six_layers():
    encoder = from_package()
    ids = numpy.array([encoder.subwords.encode(TEXTS[1].split(), is_pretokenized=True).ids])
    origin = getattr(find_spec(PACKAGE), "origin", None)
    assert origin
    whole = onnx.load(Path(origin).parent / MODEL)
    norms = [node.output[0] for node in whole.graph.node if node.op_type == "LayerNormalization"]
    assert len(norms) == 13  # two a layer, behind that of the embeddings
    whole.graph.output.extend(
        onnx.helper.make_tensor_value_info(norms[place], onnx.TensorProto.FLOAT, None) for place in (8, 4)
    )
    session = onnxruntime.InferenceSession(whole.SerializeToString(), providers=["CPUExecutionProvider"])
    given = {"input_ids": ids, "attention_mask": numpy.ones_like(ids), "token_type_ids": numpy.zeros_like(ids)}
    names = {each.name for each in session.get_inputs()}
    _, fourth, second = session.run(None, {name: value for name, value in given.items() if name in names})
    found = encoder._run([ids[0].tolist()])
    numpy.testing.assert_allclose(found, numpy.concatenate([fourth, second], axis=-1), atol=1e-4)
