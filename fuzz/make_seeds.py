"""Writes the files that the fuzz targets start from, into fuzz/seeds/ (not kept in the tree).

    python fuzz/make_seeds.py

Needs numpy, onnx, torch, scipy, safetensors.
"""

import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parent / "tests" / "fixtures"
sys.path.insert(0, str(FIXTURES))
import make_network  # noqa: E402

F, I = np.float32, np.int64


def put(target, name, data):
    folder = HERE / "seeds" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


# ------------------------------------------------------------------------------------------------
# ONNX: every operator that is read, behind an input and, where that is allowed, behind constants
# ------------------------------------------------------------------------------------------------

X = (1, 4, 4, 4)
OPERATORS = [
    # operator, shapes or values of the inputs, attributes
    ("Conv", [X, (2, 4, 3, 3), (2,)], {"pads": [1, 1, 1, 1], "strides": [2, 2]}),
    ("Conv", [X, (4, 1, 3, 3)], {"group": 4, "auto_pad": "SAME_UPPER", "dilations": [1, 1]}),
    ("ConvTranspose", [X, (4, 2, 2, 2)], {"strides": [2, 2], "output_padding": [1, 1]}),
    ("MaxPool", [X], {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
    ("AveragePool", [X], {"kernel_shape": [2, 2], "pads": [1, 1, 0, 0]}),
    ("GlobalAveragePool", [X], {}),
    ("BatchNormalization", [X, (4,), (4,), (4,), (4,)], {"epsilon": 1e-5}),
    ("InstanceNormalization", [X, (4,), (4,)], {}),
    ("LayerNormalization", [X, (4,), (4,)], {"axis": -1}),
    ("GridSample", [X, (1, 2, 2, 2)], {"mode": "bilinear", "align_corners": 0}),
    ("Resize", [X, None, None, np.array([1, 4, 8, 8], I)], {"mode": "linear"}),
    ("Resize", [X, None, np.array([1, 1, 0.5, 0.5], F)], {"mode": "nearest"}),
    ("DepthToSpace", [X], {"blocksize": 2}),
    ("SpaceToDepth", [X], {"blocksize": 2}),
    ("MatMul", [X, (4, 3)], {}),
    ("MatMul", [X, X], {}),
    ("Gemm", [(2, 3), (4, 3), (4,)], {"transB": 1, "alpha": 0.5}),
    ("Einsum", [(1, 2, 3), (1, 3, 4, 4)], {"equation": "bqc,bchw->bqhw"}),
    ("Reshape", [X, np.array([0, -1, 8], I)], {}),
    ("Flatten", [X], {"axis": 2}),
    ("Transpose", [X], {"perm": [0, 2, 3, 1]}),
    ("Squeeze", [(1, 4, 1), np.array([0, 2], I)], {}),
    ("Unsqueeze", [X, np.array([0], I)], {}),
    ("Concat", [X, X], {"axis": 1}),
    ("Split", [X, np.array([1, 3], I)], {"axis": 1}),
    ("Slice", [X, np.array([0], I), np.array([9], I), np.array([-1], I), np.array([2], I)], {}),
    ("Slice", [X, np.array([-1], I), np.array([-9], I), np.array([1], I), np.array([-1], I)], {}),
    ("Gather", [X, np.array([[0, -1]], I)], {"axis": 2}),
    ("GatherElements", [X, np.zeros((1, 4, 4, 2), I)], {"axis": 3}),
    ("GatherND", [X, np.zeros((2, 2), I)], {}),
    ("ScatterND", [X, np.zeros((1, 4), I), (1,)], {}),
    ("Expand", [(4, 1), np.array([2, 1, 5], I)], {}),
    ("Tile", [(2, 3), np.array([2, 2], I)], {}),
    ("Pad", [X, np.array([0, 0, 1, 1, 0, 0, 1, 1], I), np.array(0, F)], {"mode": "constant"}),
    ("TopK", [X, np.array([2], I)], {"axis": -1}),
    ("ArgMax", [X], {"axis": 1, "keepdims": 0}),
    ("ReduceSum", [X, np.array([1, -1], I)], {"keepdims": 0}),
    ("ReduceMean", [X], {"axes": [2, 3]}),
    ("ReduceMax", [X], {"axes": [1], "keepdims": 0}),
    ("ReduceProd", [X], {}),
    ("OneHot", [np.array([1, 2], I), np.array(4, I), np.array([0, 1], F)], {"axis": -1}),
    ("Shape", [X], {"start": 1}),
    ("Size", [X], {}),
    ("ConstantOfShape", [np.array([2, 3], I)], {"value": numpy_helper.from_array(np.array([2], F))}),
    ("Range", [np.array(0, I), np.array(6, I), np.array(2, I)], {}),
    ("EyeLike", [(3, 3)], {}),
    ("Where", [np.array([[True, False]]), (2, 1), (1, 2)], {}),
    ("Cast", [X], {"to": TensorProto.FLOAT16}),
    ("QuantizeLinear", [X, np.array(0.1, F), np.array(0, np.int8)], {}),
    ("DequantizeLinear", [np.zeros(X, np.int8), np.ones(4, F), np.zeros(4, np.int8)], {"axis": 1}),
    ("CumSum", [X, np.array(1, I)], {}),
    ("Softmax", [X], {"axis": -1}),
    ("Clip", [X, np.array(0, F), np.array(6, F)], {}),
    ("Trilu", [X], {}),
    ("Dropout", [X], {}),
    ("Pow", [X, np.array(2, F)], {}),
    ("Mod", [np.array([5, 7], I), np.array([3], I)], {}),
    ("Div", [np.array([5, 7], I), np.array([3, -1], I)], {}),
    ("Less", [X, np.array(0.5, F)], {}),
    ("Equal", [X, (4, 1)], {}),
    ("PRelu", [X, (4, 1, 1)], {}),
    ("Sum", [X, X, X], {}),
    ("Max", [X, X], {}),
    *[(op, [X], {}) for op in ["Relu", "Sigmoid", "Neg", "Abs", "Sqrt", "Exp", "Log", "Floor"]],
    *[(op, [X], {}) for op in ["Round", "Sin", "Reciprocal", "Sign", "Erf", "Tanh", "Identity"]],
]


def model(nodes, inputs, outputs, constants, opset=17, facts=()):
    graph = helper.make_graph(nodes, "g", inputs, outputs, constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    for key, value in facts:
        entry = made.metadata_props.add()
        entry.key, entry.value = key, value
    return made


def operator(op, inputs, attributes, live, opset=17):
    """`op` behind the model's input, or behind constants alone."""
    names, infos, constants = [], [], []
    for i, given in enumerate(inputs):
        name = f"i{i}"
        if given is None:
            names.append("")
            continue
        names.append(name)
        if isinstance(given, tuple) and live:
            infos.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, given))
        elif isinstance(given, tuple):
            values = np.linspace(0.1, 1, int(np.prod(given))).astype(F).reshape(given)
            constants.append(numpy_helper.from_array(values, name))
        else:
            constants.append(numpy_helper.from_array(given, name))
    if not infos:
        infos = [helper.make_tensor_value_info("unused", TensorProto.FLOAT, [1])]
    outs = ["o", "p"] if op in ("Split", "TopK") else ["o"]
    node = helper.make_node(op, names, outs, name=f"n/{op}", **attributes)
    kind = helper.make_empty_tensor_value_info("o")
    made = model([node], infos, [kind], constants, opset)
    try:
        made = onnx.shape_inference.infer_shapes(made)
    except Exception as error:  # an operator without inference keeps what it has
        print(f"{op}: {error}")
    return made


def onnx_seeds():
    for path in (FIXTURES / "models").glob("*.onnx"):
        put("onnx", path.name, path.read_bytes())
    for i, (op, inputs, attributes) in enumerate(OPERATORS):
        for live in (True, False):
            made = operator(op, inputs, attributes, live)
            put("onnx", f"{i:02}-{op}-{'live' if live else 'constant'}.onnx", made.SerializeToString())
    for op, inputs, attributes, opset in [
        ("Gelu", [X], {"approximate": "tanh"}, 20),
        ("Gelu", [X], {}, 20),
        ("ReduceMean", [X, np.array([1], I)], {}, 18),
        ("GroupNormalization", [X, (2,), (2,)], {"num_groups": 2}, 18),
        ("Split", [X], {"axis": 1, "num_outputs": 2}, 18),
        ("Pad", [X, np.array([1, 1], I), np.array(0, F), np.array([3], I)], {}, 18),
        ("Resize", [X, None, None, np.array([8, 8], I)], {"axes": [2, 3]}, 18),
        ("GridSample", [X, (1, 2, 2, 2)], {"mode": "linear"}, 20),
    ]:
        made = operator(op, inputs, attributes, True, opset)
        put("onnx", f"new-{op}-{opset}-{len(attributes)}.onnx", made.SerializeToString())
    put("onnx", "attention.onnx", attention().SerializeToString())
    put("onnx", "outside.onnx", outside().SerializeToString())


def attention():
    """What the surgery looks for: heads on features, masks, projections of one value."""
    rng = np.random.default_rng(1)
    constants, nodes = [], []

    def constant(name, values):
        constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def node(op, inputs, output, **attributes):
        nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def weights(name, *shape):
        return constant(name, rng.standard_normal(shape).astype(F))

    conv = node("Conv", ["image", weights("w0", 4, 3, 3, 3)], "conv", pads=[1, 1, 1, 1])
    ones = [weights(f"bn{i}", 4) for i in range(3)] + [constant("bn3", np.ones(4, F))]
    features = node("BatchNormalization", [conv, *ones], "features")
    mask = node("Conv", [features, weights("w1", 4, 4, 1, 1), weights("b1", 4)], "mask_features")
    embed = node("MatMul", [weights("q", 1, 2, 4), weights("w2", 4, 4)], "embed")
    logits = node("Einsum", [embed, mask], "logits", equation="bqc,bchw->bqhw")
    size = constant("size", np.array([1, 2, 4, 4], I))
    small = node("Resize", [logits, "", "", size], "small", mode="linear")
    flat = node("Reshape", [small, constant("s0", np.array([1, 2, 16], I))], "flat")
    half = node("Less", [node("Sigmoid", [flat], "sig"), constant("half", np.array(0.5, F))], "half?")
    far = node("Where", [half, constant("inf", np.array(-np.inf, F)), constant("zero", np.array(0, F))], "far")
    value = node("Reshape", [features, constant("s1", np.array([1, 4, 64], I))], "tokens0")
    value = node("Transpose", [value], "tokens", perm=[0, 2, 1])
    value = node("Slice", [value, constant("a", np.array([0], I)), constant("b", np.array([16], I)), constant("c", np.array([1], I))], "value")
    k = node("MatMul", [value, weights("wk", 4, 4)], "k")
    v = node("MatMul", [value, weights("wv", 4, 4)], "v")
    scores = node("MatMul", [embed, node("Transpose", [k], "kt", perm=[0, 2, 1])], "scores")
    soft = node("Softmax", [node("Add", [scores, far], "masked")], "soft", axis=-1)
    node("MatMul", [soft, v], "class_logits")
    node("Identity", [logits], "mask_logits")
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])
    outputs = [helper.make_empty_tensor_value_info(n) for n in ("class_logits", "mask_logits")]
    facts = [("unmask.mean", "[1,2,3]"), ("unmask.std", "[1,2,3]"), ("unmask.classes", '["a","b","c"]')]
    return onnx.shape_inference.infer_shapes(model(nodes, [image], outputs, constants, 17, facts))


def outside():
    made = operator("Add", [X, np.zeros(4, F)], {}, True)
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in [("location", "model.onnx"), ("offset", "8"), ("length", "16")]:
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return made


# ------------------------------------------------------------------------------------------------
# Checkpoints
# ------------------------------------------------------------------------------------------------


def safetensors(tensors, metadata=None, kind="F16"):
    types = {"F16": np.float16, "F32": F, "F64": np.float64}
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, values in tensors.items():
        raw = np.asarray(values).astype(types[kind]).tobytes()
        at = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": kind, "shape": list(np.shape(values)), "data_offsets": at}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    return len(text).to_bytes(8, "little") + text + data


def facts(config, classes):
    return {
        "unmask.config": json.dumps(config),
        "unmask.mean": "[123.675, 116.28, 103.53]",
        "unmask.std": "[58.395, 57.12, 57.375]",
        "unmask.classes": json.dumps(classes),
        "unmask.road": "[0]",
        "unmask.stuff": "[]",
        "unmask.size": "32x32",
        "unmask.threshold": "0.5",
    }


def small(points, heads):
    cfg = make_network.Config(
        blocks=(2, 2, 2, 2), bottleneck=False, base=1, dim=4 * heads, groups=heads, heads=heads,
        points=points, encoder_layers=1, decoder_layers=1, ffn=1, queries=1, classes=1,
    )
    config = {
        "depth": 18, "width": 1, "frozen_norm": False, "dim": 4 * heads, "groups": heads,
        "heads": heads, "encoder_layers": 1, "encoder_ffn": 1, "points": points,
        "decoder_layers": 1, "decoder_ffn": 1, "queries": 1, "classes": 1,
        "attention": "global", "head": "mask",
    }
    return cfg, config, make_network.make_parameters(cfg, 1)


def checkpoint_seeds():
    cfg, config, weights = small(1, 1)
    weights = {k: v.numpy() for k, v in weights.items()}
    own = facts(config, ["road"])
    put("safetensors", "own.safetensors", safetensors(weights, own))
    few = {k: weights[k] for k in list(weights)[:3]}
    put("safetensors", "few.safetensors", safetensors(few, own, "F32"))
    pixel = facts(config | {"head": "per_pixel"}, ["road"])
    put("safetensors", "pixel.safetensors", safetensors(few, pixel, "F64"))
    swin = {"embed": 4, "depths": [1, 1, 1, 1], "heads": [1, 1, 1, 1], "window": 2, "mlp_ratio": 1}
    with_swin = facts(config | {"swin": swin}, ["road"])
    put("safetensors", "swin.safetensors", safetensors(few, with_swin))
    put("safetensors", "plain.safetensors", safetensors({"a": [1.0, 2.0]}, None, "F32"))
    cfg, config, weights = small(4, 8)
    theirs = {k: np.zeros([min(d, 2) for d in v.shape]) for k, v in weights.items()}
    put("safetensors", "detectron2.safetensors", safetensors(theirs))
    whole = (FIXTURES / "import/swin/model.safetensors").read_bytes()
    length = int.from_bytes(whole[:8], "little")
    named = json.loads(whole[8 : 8 + length])
    names = [n for n in named if n != "__metadata__"]
    some = {n: np.zeros([min(d, 2) for d in named[n]["shape"]]) for n in names[:: len(names) // 40]}
    put("safetensors", "huggingface.safetensors", safetensors(some, {"format": "pt"}))

    for path in (FIXTURES / "import").glob("arrays.*.pkl"):
        put("pickle", path.name, path.read_bytes())
    put("pickle", "legacy.pth", (FIXTURES / "import/legacy.pth").read_bytes())
    view = torch.arange(16.0)[2:14].view(3, 4).T
    state = {"a": view, "b": torch.nn.Parameter(torch.zeros(2)), "c": torch.zeros(2, dtype=torch.long)}
    file = io.BytesIO()
    torch.save({"model": state, "iteration": 7}, file)
    put("pickle", "archive.pth", file.getvalue())
    import zipfile

    archive = zipfile.ZipFile(file)
    inner = next(n for n in archive.namelist() if n.endswith("data.pkl"))
    put("pickle", "inner.pkl", archive.read(inner))
    name = "sem_seg_head.pixel_decoder.mask_features.weight"
    file = io.BytesIO()
    keys = {name: torch.zeros(1, 4), "backbone.stem.conv1.weight": torch.zeros(1, 3, 1, 1).half()}
    torch.save(keys, file, _use_new_zipfile_serialization=False)
    put("pickle", "named.pth", file.getvalue())


if __name__ == "__main__":
    shutil.rmtree(HERE / "seeds", ignore_errors=True)
    onnx_seeds()
    checkpoint_seeds()
    for folder in sorted((HERE / "seeds").iterdir()):
        sizes = [p.stat().st_size for p in folder.iterdir()]
        print(f"{folder.name}: {len(sizes)} files, {sum(sizes)} bytes, largest {max(sizes)}")
