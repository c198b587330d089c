"""Origins: from which raw columns each feature of a graph comes, read off the graph's own operations.

What is followed is the flow of values: from a feature's tensor back through every operation to the columns' values
and to which rows have one. How many rows a batch has is no column's value, so shapes are not followed. An operation
of several outputs makes each of them of all its inputs; only calls of functions are looked into.
"""

from collections.abc import Iterable, Mapping, Sequence

from tensorflow.core.framework import function_pb2, graph_pb2, node_def_pb2

_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_SHAPES_ONLY = frozenset({"Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike"})
_NONE: frozenset = frozenset()

Found = frozenset[str]


def origins(graph: graph_pb2.GraphDef, columns: Mapping[str, str], outputs: Sequence[str]) -> list[tuple[str, ...]]:
    """Return for each output the columns that it depends on, sorted; none for a constant.

    `columns` has the column's name by the name of each of its tensors; `outputs` are names of tensors (`node:0`).
    """
    functions = _Functions(graph.library.function)
    sources: dict[str, dict[int, Found]] = {}
    for tensor, column in columns.items():
        sources.setdefault(_node(tensor), {})[_number(tensor)] = frozenset([column])
    reached = _Reached(graph.node, sources, functions)
    return [tuple(sorted(reached.of(output))) for output in outputs]


class _Functions:
    """Which of its arguments, by their numbers, each output of a function depends on."""

    def __init__(self, functions: Iterable[function_pb2.FunctionDef]):
        self._defined = {function.signature.name: function for function in functions}
        self._known: dict[str, list[frozenset[int]]] = {}

    def arguments(self, name: str) -> list[frozenset[int]]:
        """Return a set of numbers per output; nothing for a function that is not there."""
        if name not in self._known:
            function = self._defined.get(name)
            if function is None:
                return []
            sources = {
                argument.name: {0: frozenset([str(at)])} for at, argument in enumerate(function.signature.input_arg)
            }
            reached = _Reached(function.node_def, sources, self)
            returned = [function.ret[output.name] for output in function.signature.output_arg]
            self._known[name] = [frozenset(map(int, reached.of(tensor))) for tensor in returned]
        return self._known[name]


class _Reached:
    """What every node of a graph or of a function's body depends on, of some sources given by node and output."""

    def __init__(
        self,
        nodes: Iterable[node_def_pb2.NodeDef],
        sources: Mapping[str, Mapping[int, Found]],
        functions: _Functions,
    ):
        self._found: dict[str, Found | Mapping[int, Found]] = dict(sources)
        waiting = [node for node in nodes if node.name not in sources and node.op not in _SHAPES_ONLY]
        changed = True
        while changed:  # nodes mostly stand in order; loops of the old form go in circles until nothing is new
            changed = False
            for node in waiting:
                now = self._node(node, functions)
                changed |= now != self._found.get(node.name, _NONE)
                self._found[node.name] = now

    def of(self, tensor: str) -> Found:
        """Return what a tensor depends on; its name is `node`, `node:number` or, in functions, `node:part:number`."""
        if tensor.startswith("^"):  # an order of execution, no value
            return _NONE
        found = self._found.get(_node(tensor), _NONE)
        return found if isinstance(found, frozenset) else found.get(_number(tensor), _NONE)

    def _node(self, node: node_def_pb2.NodeDef, functions: _Functions) -> Found | Mapping[int, Found]:
        outputs = functions.arguments(node.attr["f"].func.name) if node.op in _CALLS else []
        if not outputs:
            return _NONE.union(*map(self.of, node.input))
        read = [self.of(tensor) for tensor in node.input if not tensor.startswith("^")]
        return {at: _NONE.union(*(read[number] for number in numbers)) for at, numbers in enumerate(outputs)}


def _node(tensor: str) -> str:
    return tensor.partition(":")[0]


def _number(tensor: str) -> int:
    return int(tensor.rpartition(":")[2]) if ":" in tensor else 0
