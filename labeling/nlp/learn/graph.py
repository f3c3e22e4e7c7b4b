"""The graph of a frozen encoder, changed so that it computes faster: fused operators, and products of integers.

The weights of the known encoder are stored as integers, but multiplied as floats. Here the products of its dense layers
are of integers, which takes half the time. Each token's numbers get a scale of their own, so its vectors do not depend
on what else is in the batch. Weights have 7 bits: with 8, processors without VNNI instructions overflow.
"""

from collections.abc import Iterable
from typing import Any

import numpy
from onnx import ModelProto, TensorProto, helper, numpy_helper

CONTRIB = "com.microsoft"  # the operators that ONNX Runtime has besides the standard's
FROM, TO = 127, 63  # the largest weight before and after
MIDDLE = 128  # what stands for 0 among the numbers of tokens, which are unsigned
NOWHERE = -3.4e38  # added to the attention to what only pads


def quickened(model: ModelProto, heads: int) -> None:
    """Change the graph of a BERT that was exported by PyTorch with weights of 8 bits, each column with its scale.

    `heads` is how many attention heads a layer has.
    """
    _fuse(model, heads)
    _multiply_integers(model)
    model.opset_import.append(helper.make_opsetid(CONTRIB, 1))


def _fuse(model: ModelProto, heads: int) -> None:
    """Attention and GELU as one operator each, where the export has a dozen."""
    graph = model.graph
    makers = _makers(model)

    def after(node: Any, kind: str) -> Any:
        return next(user for user in graph.node if user.op_type == kind and node.output[0] in user.input)

    def dense(name: str) -> str:
        while makers[name].op_type in {"Mul", "Reshape", "Transpose"}:
            name = makers[name].input[0]
        return name

    fused: dict[str, Any] = {}
    for node in graph.node:
        if node.op_type == "Erf":
            given = makers[node.input[0]].input[0]
            last = after(after(after(node, "Add"), "Mul"), "Mul").output[0]
            fused[last] = helper.make_node("Gelu", [given], [last], domain=CONTRIB)
        elif node.op_type == "Softmax":
            compared = makers[makers[node.input[0]].input[0]]
            mixed = after(after(node, "Where"), "MatMul")
            last = after(after(mixed, "Transpose"), "Reshape").output[0]
            inputs = [*map(dense, [*compared.input, mixed.input[1]]), "", "padding"]
            settings = {"num_heads": heads, "mask_filter_value": NOWHERE}
            fused[last] = helper.make_node("MultiHeadAttention", inputs, [last], domain=CONTRIB, **settings)
    mask = helper.make_node("Cast", ["attention_mask"], ["padding"], to=TensorProto.INT32)
    _replace(model, [mask, *(fused.get(node.output[0], node) for node in graph.node)], [])


def _multiply_integers(model: ModelProto) -> None:
    """Products of tokens by stored weights as those of integers."""
    stored = {each.name: each for each in model.graph.initializer}
    makers = _makers(model)
    arrays = {
        "one": numpy.array(1, "float32"),
        "step": numpy.array(1 / 127, "float32"),
        "middle": numpy.array(MIDDLE, "uint8"),
        "zero": numpy.array(0, "int8"),
    }
    nodes: list[Any] = []
    scaled: set[str] = set()
    for node in model.graph.node:
        weights = makers.get(node.input[1]) if node.op_type == "MatMul" else None
        if weights is None or weights.op_type != "Mul":
            nodes.append(node)
            continue
        x, y = node.input[0], node.output[0]
        whole = numpy_helper.to_array(stored[makers[weights.input[0]].input[0]])
        scale = numpy_helper.to_array(stored[weights.input[1]]).ravel()
        arrays[f"{y} weights"] = numpy.round(whole * (TO / FROM)).astype("int8")
        arrays[f"{y} scale"] = (scale * (FROM / TO)).astype("float32")
        if x not in scaled:
            scaled.add(x)
            nodes += [
                helper.make_node("Abs", [x], [f"{x} size"]),
                helper.make_node("ReduceMax", [f"{x} size"], [f"{x} most"], axes=[-1]),
                helper.make_node("Mul", [f"{x} most", "step"], [f"{x} scale"]),
                helper.make_node("Div", [x, f"{x} scale"], [f"{x} steps"]),
                helper.make_node("QuantizeLinear", [f"{x} steps", "one", "middle"], [f"{x} whole"]),
            ]
        inputs = [f"{x} whole", f"{y} weights", "one", f"{y} scale", "middle", "zero"]
        nodes += [
            helper.make_node("MatMulIntegerToFloat", inputs, [f"{y} steps"], domain=CONTRIB),
            helper.make_node("Mul", [f"{y} steps", f"{x} scale"], [y]),
        ]
    _replace(model, nodes, (numpy_helper.from_array(array, name) for name, array in arrays.items()))


def _makers(model: ModelProto) -> dict[str, Any]:
    return {output: node for node in model.graph.node for output in node.output}


def _replace(model: ModelProto, nodes: list[Any], arrays: Iterable[Any]) -> None:
    """Put other nodes into the graph, with more arrays; what leads to no output is left out."""
    wanted = {output.name for output in model.graph.output}
    kept = []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(node.input)
    stored = [each for each in (*model.graph.initializer, *arrays) if each.name in wanted]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(reversed(kept))
    model.graph.initializer.extend(stored)
