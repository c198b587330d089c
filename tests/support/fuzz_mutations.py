"""What a fuzz test makes of good files: seeded, so that a number alone names a case."""

import copy
import json
import os
import pathlib
import random
import re
import shutil
import struct
from typing import Any

from schemas import fingerprint
from schemas.artifacts import artifact

Random = random.Random

_TEXTS = ["", "x" * 5000, "../../x", "a\0b", "\ud800", "\x1b[2J", "0" * 12, "é", "NaN", "a b"]
_NUMBERS = [0, -1, 1, 1.5, -0.0, 2**31, 2**63, 10**30, 999_999_999, 1e-320]
_SPECIAL = ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "[" * 100_000, '{"a":' * 2000, "01", "'x'"]
_MARK = "\u2603 special"


def of_json(rng: Random, data: bytes) -> bytes:
    """Return a JSON object with one thing changed; what it is may still be JSON, and even make sense."""
    value = json.loads(data)
    places = list(_places(value))
    owner, key = rng.choice(places if rng.random() < 0.5 else [(value, name) for name in value])
    kind = rng.randrange(9)
    if kind == 0:
        del owner[key]
    elif kind == 1:
        owner[key] = rng.choice([None, True, False, [], {}, [None], {"": None}, [[[]]]])
    elif kind == 2:
        owner[key] = rng.choice(_TEXTS)
    elif kind == 3:
        owner[key] = rng.choice(_NUMBERS)
    elif kind == 4:
        owner[key] = [owner[key]] if rng.random() < 0.5 else {"x": owner[key]}
    elif kind == 5:
        other, name = rng.choice(places)
        owner[key] = copy.deepcopy(other[name]) if name in _keys(other) and other is not owner else str(owner[key])
    elif kind == 6 and isinstance(owner, dict):
        owner[rng.choice([*_TEXTS[:4], "more"])] = owner.pop(key)
    elif kind == 7 and isinstance(owner[key], list) and owner[key]:
        owner[key] = owner[key] * rng.choice([0, 2, 50])
    else:
        owner[key] = _MARK
    text = json.dumps(value, indent=1, sort_keys=rng.random() < 0.5)
    special = rng.choice(_SPECIAL) if rng.random() < 0.8 else f'1, "{key}": 2'
    return text.replace(json.dumps(_MARK), special).encode(errors="surrogatepass")


def of_bytes(rng: Random, data: bytes) -> bytes:
    """Return bytes with some of them flipped, cut off, doubled or put in."""
    changed = bytearray(data)
    at = rng.randrange(len(data) + 1)
    kind = rng.randrange(6)
    if kind == 0:
        return bytes(changed[:at])
    if kind == 1:
        changed[at:at] = rng.randbytes(rng.choice([1, 4, 1000]))
    elif kind == 2:
        del changed[at : at + rng.choice([1, 4, 100])]
    elif kind == 3:
        changed[at:at] = changed[max(0, at - 50) : at]
    for _ in range(rng.choice([1, 1, 3, 20]) if kind > 3 or bytes(changed) == data else 0):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def of_pointer(rng: Random, data: bytes) -> bytes:
    """Return a pointer's text with something changed."""
    kind = rng.random()
    if kind < 0.7:
        return of_json(rng, data)
    if kind < 0.85:
        return of_bytes(rng, data)
    value = json.loads(data)
    many = [f"{number:012x}" for number in range(rng.choice([5, 99, 101, 20_000]))]
    parts = [[2 * at, 2 * at + 1] for at in range(rng.choice([3, 20_000]))]
    value["shadows"] = rng.choice([many, [value["champion"]], many[:1] * 2])
    value["challengers"] = rng.choice(
        [
            [],
            [{"bundle": one, "weight": 0.001} for one in many],
            [{"bundle": "b", "parts": parts}],
            [{"bundle": "b", "weight": rng.choice([0, -1, 2, "0.5", None, 1e-9, True])}],
            [{"bundle": "b", "parts": [[rng.randrange(-5, 10), rng.randrange(-5, 2_000_000)]]}],
        ]
    )
    return json.dumps(value).encode()


def in_place_of(rng: Random, path: pathlib.Path) -> None:
    """Put in a file's place what is no file, or nothing."""
    path.unlink()
    kind = rng.randrange(6)
    if kind == 0:
        os.mkfifo(path)
    elif kind == 1:
        path.mkdir()
    elif kind == 2:
        path.symlink_to(path)
    elif kind == 3:
        path.symlink_to("/dev/zero")
    elif kind == 4:
        path.symlink_to("/etc/hostname")


def of_trees(rng: Random, data: bytes) -> bytes:
    """Return a model whose trees have one number changed: a child, a parent, the index of a feature, a threshold."""
    names = [b"left_children", b"right_children", b"parents", b"split_indices", b"split_conditions", b"base_weights"]
    arrays = rb"(?:" + b"|".join(names) + rb")\[\$([ildD])#L(.{8})"
    found = list(re.finditer(arrays, data, re.DOTALL))
    if not found:
        return of_bytes(rng, data)
    match = rng.choice(found)
    size = {b"i": 1, b"l": 4, b"d": 4, b"D": 8}[match[1]]
    count = struct.unpack(">q", match[2])[0]
    at = match.end() + size * rng.randrange(max(1, count))
    number: bytes = {
        b"i": rng.choice([b"\x7f", b"\x80", b"\xff", b"\x00"]),
        b"l": struct.pack(">i", rng.choice([-1, 0, 1, 2, 1000, 2**30, -(2**31), 2**31 - 1])),
        b"d": struct.pack(">f", rng.choice([float("nan"), float("inf"), -1e38, 0.0])),
        b"D": struct.pack(">d", rng.choice([float("nan"), float("inf"), -1e300])),
    }[match[1]]
    return data[:at] + number + data[at + size :]


def of_graph(rng: Random, data: bytes) -> bytes:
    """Return a SavedModel in which an operation, an input or an asset is another one."""
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel.FromString(data)
    graph = model.meta_graphs[0]
    function = rng.choice(list(graph.graph_def.library.function))
    node = rng.choice(list(function.node_def))
    kind = rng.randrange(7)
    if kind == 0:
        node.op = rng.choice(
            ["WriteFile", "ReadFile", "PyFunc", "EagerPyFunc", "SaveV2", "RestoreV2", "Print", "NoSuch"]
        )
    elif kind == 1:
        node.op = rng.choice(["Identity", "NoOp", "Shape", "Neg", "HashTableV2"])
    elif kind == 2 and node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice(["", "none:0", "^none", node.name])
    elif kind == 3:
        for name in list(node.attr)[:1]:
            del node.attr[name]
    elif kind == 4:
        graph.asset_file_def[0].filename = rng.choice(["../../x", "/etc/hostname", "", "none"])
    elif kind == 5:
        bound = rng.choice(list(graph.object_graph_def.concrete_functions.values())).bound_inputs
        bound[:] = [rng.choice([-1, 0, 10_000, 2]) for _ in bound]
    else:
        del graph.object_graph_def.nodes[rng.randrange(len(graph.object_graph_def.nodes)) :]
    return model.SerializeToString()


def of_network(rng: Random, data: bytes) -> bytes:
    """Return a SavedModel of a network in which an operation, an input, a shape or a weight is another one."""
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel.FromString(data)
    graph = model.meta_graphs[0]
    functions = graph.graph_def.library.function
    function = max(functions, key=lambda one: len(one.node_def)) if rng.random() < 0.8 else rng.choice(list(functions))
    node = rng.choice(list(function.node_def))
    kind = rng.randrange(6)
    if kind == 0:
        node.op = rng.choice(["WriteFile", "ReadFile", "PyFunc", "RestoreV2", "Print", "NoSuch", "Identity", "MatMul"])
    elif kind == 1 and node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice(["", "none:0", "^none", node.name, "features"])
    elif kind == 2:
        constants = [one for one in function.node_def if one.op == "Const"]
        tensor = rng.choice(constants or [node]).attr["value"].tensor
        if tensor.tensor_content:
            tensor.tensor_content = of_bytes(rng, tensor.tensor_content)
        else:
            tensor.tensor_shape.dim.add(size=rng.choice([-1, 0, 2**31, 2**62]))
    elif kind == 3:
        for dim in function.attr["_input_shapes"].list.shape:
            dim.unknown_rank = True
        for name in list(node.attr)[:1]:
            del node.attr[name]
    elif kind == 4:
        del function.node_def[rng.randrange(len(function.node_def))]
    else:
        del graph.object_graph_def.nodes[rng.randrange(len(graph.object_graph_def.nodes)) :]
    return model.SerializeToString()


def of_golden(rng: Random, path: pathlib.Path) -> None:
    """Cut golden rows, or change what they must give."""
    import pyarrow as pa

    with pa.OSFile(str(path), "rb") as file:
        table = pa.ipc.open_file(file).get_batch(0)
    kind = rng.randrange(3)
    if kind == 0:
        table = table.slice(0, rng.choice([0, 1, table.num_rows - 1]))
    elif kind == 1:
        at = rng.randrange(table.num_columns)
        table = table.select([name for place, name in enumerate(table.schema.names) if place != at])
    else:
        at = rng.randrange(table.num_columns)
        columns = list(table.columns)
        columns[at] = columns[at].take(pa.array(range(table.num_rows - 1, -1, -1)))
        table = pa.RecordBatch.from_arrays(columns, table.schema.names)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_batch(table)


def linked(bundle: pathlib.Path, copy_: pathlib.Path) -> pathlib.Path:
    """Return a copy of a bundle whose files are those of the bundle; each is replaced, never written into."""
    return pathlib.Path(shutil.copytree(bundle, copy_, copy_function=os.link))


def replace(path: pathlib.Path, data: bytes) -> None:
    """Give a file of such a copy another content."""
    path.unlink()
    path.write_bytes(data)


def fit(folder: pathlib.Path, manifest: dict[str, Any], names: list[str]) -> str:
    """Make the manifest of a copy fit the named files, and the marker the manifest; return the bundle's id."""
    for name in names:
        if (folder / name).is_file():
            entry = {"sha256": fingerprint.of_file(folder / name), "size": (folder / name).stat().st_size}
            manifest["files"][name] = entry
    return mark(folder, (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode())


def mark(folder: pathlib.Path, data: bytes) -> str:
    """Write a manifest and the marker of it; return the id of its content if it has one."""
    replace(folder / artifact.MANIFEST, data)
    replace(folder / artifact.MARKER, f"{fingerprint.of_bytes(data)}\n".encode())
    try:
        return artifact.content_id(json.loads(data))
    except (ValueError, RecursionError):
        return "f" * 12


def _places(value: Any) -> Any:
    for key in _keys(value):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def _keys(value: Any) -> list[Any]:
    return list(value) if isinstance(value, dict) else list(range(len(value)))
