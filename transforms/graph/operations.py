"""Which operations of TensorFlow a graph may have: looked at in its file, before TensorFlow loads or runs any of them.

A graph computes numbers from columns. Its operations are those of `allowed_operations.txt` and no others, in the graph,
in every function and in every branch. Files are read by tables alone, and only the graph's own: the file's name is
followed back through the functions to an asset of the SavedModel. What saves and restores variables stands in functions
that neither loading nor calling the graph reaches.
"""

import functools
import importlib.resources
import pathlib
from collections.abc import Iterable, Iterator

from google.protobuf.message import DecodeError
from tensorflow.core.framework import attr_value_pb2, function_pb2, graph_pb2, node_def_pb2
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
from tensorflow.python.framework import op_def_registry

from schemas.errors import ArtifactError
from schemas.plain_files import read_plain

FILE = "saved_model.pb"
LARGEST = 256 * 1024 * 1024

# Which input is the name of a file.
_READ_AN_ASSET = {"InitializeTableFromTextFileV2": 1, "TFRecordDataset": 0, "TFRecordDatasetV2": 0}
_SAVE_AND_RESTORE = frozenset({"SaveV2", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename"})
_HAND_ON = frozenset({"Identity", "ExpandDims", "Reshape", "TensorSliceDataset"})  # their first input, as it is
_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_IMPLEMENTS = "api_implements"
_LONGEST = 100
INSTEAD = "a graph computes from columns alone: no files, logs, network, Python or chance; take it out and build again"


@functools.cache
def allowed() -> frozenset[str]:
    """Return the names of the operations that a graph may have anywhere."""
    text = importlib.resources.files("transforms.graph").joinpath("allowed_operations.txt").read_text()
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())


def check_saved_model(folder: pathlib.Path) -> None:
    """Raise `ArtifactError` naming the first operation of a SavedModel that a graph may not have."""
    model = saved_model_pb2.SavedModel()
    try:
        model.ParseFromString(read_plain(folder / FILE, LARGEST))
    except FileNotFoundError:
        raise ArtifactError(f"{folder.parent}: its SavedModel does not load: no {FILE}; copy it again") from None
    except DecodeError:
        raise ArtifactError(f"{folder.parent}: its SavedModel does not load: {FILE} is none; copy it again") from None
    if len(model.meta_graphs) != 1 or not model.meta_graphs[0].HasField("object_graph_def"):
        raise ArtifactError(f"{folder.parent}: its SavedModel is not of TensorFlow 2's form; build it again")
    try:
        _Checked(model.meta_graphs[0]).check()
    except _NotAllowed as error:
        raise ArtifactError(f"{folder.parent}: {error}") from None
    except (RecursionError, IndexError):
        raise ArtifactError(f"{folder.parent}: its SavedModel does not load: not whole; copy it again") from None


def forbidden(graph: graph_pb2.GraphDef) -> node_def_pb2.NodeDef | None:
    """Return an operation, of a graph that is being made, that it may not have; None if all may be."""
    known = allowed() | _READ_AN_ASSET.keys() | {function.signature.name for function in graph.library.function}
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    return next((node for node in nodes if node.op not in known), None)


class _NotAllowed(Exception):
    """What a graph has and may not have."""


class _Checked:
    """One graph with its functions and with the objects that loading makes of them."""

    def __init__(self, graph: meta_graph_pb2.MetaGraphDef):
        self._nodes = graph.graph_def.node
        self._objects = graph.object_graph_def
        self._assets = [asset.filename for asset in graph.asset_file_def]
        self._functions = {function.signature.name: function for function in graph.graph_def.library.function}
        self._one_of_each = len(self._functions) == len(graph.graph_def.library.function)
        self._roots = self._named_by_objects()
        self._callers: dict[str, list[tuple[function_pb2.FunctionDef, node_def_pb2.NodeDef]]] = {}
        self._called = self._reached()
        self._safe: set[tuple[str, str]] = set()

    def check(self) -> None:
        """Raise `_NotAllowed` for the first thing that is."""
        for name in self._assets:
            parts = pathlib.PurePosixPath(name).parts
            if not parts or ".." in parts or name.startswith("/"):
                raise _NotAllowed("an asset of its SavedModel lies outside it; build it again")
        for name in self._functions:  # its name would stand for the operation here, and TensorFlow might take that
            if not self._one_of_each or op_def_registry.get(name) is not None:
                raise _NotAllowed("a function of its SavedModel has the name of another or of an operation")
        known = allowed() | self._functions.keys()
        for node in self._nodes:
            _check_known(node, known | _SAVE_AND_RESTORE, "its graph")
        for name, function in self._functions.items():
            more = _READ_AN_ASSET.keys() if name in self._called else _SAVE_AND_RESTORE | _READ_AN_ASSET.keys()
            for node in function.node_def:
                _check_known(node, known | more, f"function {_shown(name)}")
                if node.op in _READ_AN_ASSET and name in self._called:
                    self._check_asset(function, _data_inputs(node)[_READ_AN_ASSET[node.op]], node)

    def _named_by_objects(self) -> set[str]:
        """Return the functions that loading makes objects of: it calls some, and any of them may be called later.

        TensorFlow may put one that implements an interface in the place of another that does.
        """
        named = {name for name, function in self._functions.items() if _IMPLEMENTS in function.attr}
        named.update(self._objects.concrete_functions)
        for one in self._objects.nodes:
            named.update(one.function.concrete_functions)
            named.add(one.bare_concrete_function.concrete_function_name)
        return named

    def _reached(self) -> set[str]:
        """Return those functions and all that they call, one through another; who calls each of them is kept."""
        waiting = sorted(self._roots)
        found: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in self._functions and name not in found:
                found.add(name)
                for node in self._functions[name].node_def:
                    for other in _functions_of(node):
                        if other in self._functions:
                            self._callers.setdefault(other, []).append((self._functions[name], node))
                            waiting.append(other)
        return found

    def _check_asset(self, function: function_pb2.FunctionDef, tensor: str, reader: node_def_pb2.NodeDef) -> None:
        """Follow a file's name back to where it comes from; raise unless that is an asset, on every way."""
        if (function.signature.name, tensor) in self._safe:
            return
        self._safe.add((function.signature.name, tensor))  # a circle adds no other source
        name = tensor.partition(":")[0]
        arguments = [argument.name for argument in function.signature.input_arg]
        if name in arguments:
            self._check_argument(function, arguments.index(name), reader)
            return
        found = [node for node in function.node_def if node.name == name]
        if len(found) != 1 or found[0].op not in _HAND_ON:
            raise _of_no_asset(function, reader)
        self._check_asset(function, _data_inputs(found[0])[0], reader)

    def _check_argument(self, function: function_pb2.FunctionDef, at: int, reader: node_def_pb2.NodeDef) -> None:
        name, arguments = function.signature.name, function.signature.input_arg
        if any(argument.number_attr or argument.type_list_attr for argument in arguments):
            raise _of_no_asset(function, reader)
        sources = 0
        if name in self._roots:  # its last arguments are bound to objects, those before are whatever a caller gives
            known = name in self._objects.concrete_functions
            bound = self._objects.concrete_functions[name].bound_inputs if known else []
            index = at - (len(arguments) - len(bound))
            objects = self._objects.nodes
            if index < 0 or not 0 <= bound[index] < len(objects) or not objects[bound[index]].HasField("asset"):
                raise _of_no_asset(function, reader)
            sources += 1
        for caller, node in self._callers.get(name, []):
            inputs = _data_inputs(node)
            # A dataset hands its elements to the function, here the names in a list of files.
            if not (node.op in _CALLS or (node.op == "FlatMapDataset" and at == 0)) or at >= len(inputs):
                raise _of_no_asset(function, reader)
            self._check_asset(caller, inputs[at], reader)
            sources += 1
        if not sources:
            raise _of_no_asset(function, reader)


def _check_known(node: node_def_pb2.NodeDef, known: frozenset[str] | set[str], where: str) -> None:
    if node.op not in known:
        raise _NotAllowed(f"operation {_shown(node.op)} in {where}; {INSTEAD}")


def _of_no_asset(function: function_pb2.FunctionDef, reader: node_def_pb2.NodeDef) -> _NotAllowed:
    return _NotAllowed(
        f"operation {reader.op} of function {_shown(function.signature.name)} reads a file that is no asset of the "
        "graph; make vocabularies with tf.Transform and build again"
    )


def _shown(name: str) -> str:
    """Return a name for people; in a file of somebody else's it may be anything."""
    return name if name.isprintable() and len(name) <= _LONGEST else repr(name)[:_LONGEST]


def _data_inputs(node: node_def_pb2.NodeDef) -> list[str]:
    return [tensor for tensor in node.input if not tensor.startswith("^")]


def _functions_of(node: node_def_pb2.NodeDef) -> Iterator[str]:
    """Yield the functions that a node may call."""
    yield node.op  # the old form of a call
    yield from _named_in(node.attr.values())


def _named_in(values: Iterable[attr_value_pb2.AttrValue]) -> Iterator[str]:
    """Yield the functions that attributes name, and those that these are given in their turn."""
    for value in values:
        which = value.WhichOneof("value")
        if which == "placeholder":  # it stands for what only a caller knows
            raise _NotAllowed("an attribute of its SavedModel is left open; build it again")
        functions = [value.func] if which == "func" else value.list.func if which == "list" else []
        for function in functions:
            yield function.name
            yield from _named_in(function.attr.values())
