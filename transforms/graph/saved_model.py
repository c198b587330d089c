"""The canonical form of tf.Transform's SavedModel: the same analysis gives the same bytes.

TensorFlow numbers functions and captured arguments by a counter of the process, lists functions and nodes in the
order of a hash table, keeps the temporary directory's name in the names of lookup tables, and the process's number of
threads in every call of a function. None of it means anything. Here functions are numbered from 0 in the order of their
tracing, lists are sorted by name, the directory's name is replaced, threads are left out; `fingerprint.pb`, a random
number in part, is removed (loading works without it).
"""

import ast
import itertools
import pathlib
import re
from collections.abc import Callable
from typing import Any

from tensorflow.core.framework import function_pb2
from tensorflow.core.protobuf import config_pb2, saved_model_pb2

from schemas.errors import InputError

_FUNCTION = re.compile(r"(__inference_\w*?_)(\d+)\b")
_NUMBERED = re.compile(r"_\d+$")
_PRINTED = re.compile(rb"""(?<=tf\.Tensor\()b(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""", re.DOTALL)


def check_path(path: str | pathlib.Path) -> None:
    """Raise `InputError` for a path below which TensorFlow does not find what it wrote: it reads it as a pattern."""
    for letter in "[\\":
        if letter in str(path):
            raise InputError(f"{path}: TensorFlow reads {letter} as part of a pattern; choose another directory")


def canonicalize(path: pathlib.Path, temporary_directory: str) -> None:
    """Rewrite a local SavedModel directory in place. `temporary_directory` is the name that must not stay in it."""
    model = saved_model_pb2.SavedModel()
    model.ParseFromString((path / "saved_model.pb").read_bytes())
    _number_functions(model)
    _replace_directory(model, temporary_directory.rstrip("/").encode(), b"analysis")
    _forget_threads(model)
    for meta_graph in model.meta_graphs:
        graph = meta_graph.graph_def
        for function in graph.library.function:
            _name_arguments_by_position(function)
            function.node_def.sort(key=lambda node: node.name)
        graph.library.function.sort(key=lambda function: function.signature.name)
        graph.node.sort(key=lambda node: node.name)
    (path / "saved_model.pb").write_bytes(model.SerializeToString(deterministic=True))
    (path / "fingerprint.pb").unlink(missing_ok=True)


def _forget_threads(model: saved_model_pb2.SavedModel) -> None:
    """Calls of functions keep how many threads the process had that traced them."""
    for meta_graph in model.meta_graphs:
        graph = meta_graph.graph_def
        functions = graph.library.function
        for node in itertools.chain(graph.node, *(function.node_def for function in functions)):
            if "config_proto" in node.attr:
                config = config_pb2.ConfigProto.FromString(node.attr["config_proto"].s)
                if config.intra_op_parallelism_threads or config.inter_op_parallelism_threads:
                    config.ClearField("intra_op_parallelism_threads")
                    config.ClearField("inter_op_parallelism_threads")
                    node.attr["config_proto"].s = config.SerializeToString(deterministic=True)


def _number_functions(model: saved_model_pb2.SavedModel) -> None:
    numbers: set[int] = set()

    def collect(text: str | bytes) -> str | bytes:
        if isinstance(text, str):
            numbers.update(int(number) for _, number in _FUNCTION.findall(text))
        return text

    _rewrite(model, collect)
    rank = {number: index for index, number in enumerate(sorted(numbers))}

    def renumber(text: str | bytes) -> str | bytes:
        if isinstance(text, bytes):
            return text
        return _FUNCTION.sub(lambda found: f"{found[1]}{rank[int(found[2])]}", text)

    _rewrite(model, renumber)


def _replace_directory(model: saved_model_pb2.SavedModel, old: bytes, new: bytes) -> None:
    def reprint(literal: re.Match[bytes]) -> bytes:
        # A table's name has its file as Python prints it, with escapes and quotes that depend on the whole path.
        path = ast.literal_eval(literal[0].decode())
        return repr(path.replace(old, new)).encode() if old in path else literal[0]

    def change(text: str | bytes) -> str | bytes:
        return _PRINTED.sub(reprint, text).replace(old, new) if isinstance(text, bytes) else text

    _rewrite(model, change)


def _name_arguments_by_position(function: function_pb2.FunctionDef) -> None:
    """Give captured arguments, named `<tensor>_<counter>`, their position instead of the counter."""
    names = {}
    for position, argument in enumerate(function.signature.input_arg):
        if _NUMBERED.search(argument.name):
            names[argument.name] = _NUMBERED.sub(f"_at_{position}", argument.name)
            argument.name = names[argument.name]
        shown = function.arg_attr[position].attr.get("_user_specified_name") if position in function.arg_attr else None
        if shown is not None and shown.s.isdigit():
            shown.s = str(position).encode()

    def rename(text: str) -> str:
        head, colon, tail = text.partition(":")
        return names.get(head, head) + colon + tail

    for node in function.node_def:
        node.input[:] = [rename(name) for name in node.input]
    for name, value in list(function.ret.items()):  # a map that changes while it is walked skips entries
        function.ret[name] = rename(value)


def _rewrite(message: Any, change: Callable[[str | bytes], str | bytes]) -> None:
    """Apply `change` to every string and bytes field, map keys and values included."""
    for field, value in message.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            _rewrite_map(value, field.message_type.fields_by_name["value"].message_type is not None, change)
        elif field.message_type is not None:
            for part in value if field.is_repeated else [value]:
                _rewrite(part, change)
        elif isinstance(value, str | bytes):
            setattr(message, field.name, change(value))
        elif field.cpp_type == field.CPPTYPE_STRING:
            value[:] = [change(part) for part in value]


def _rewrite_map(entries: Any, of_messages: bool, change: Callable[[str | bytes], str | bytes]) -> None:
    for key in list(entries):
        renamed = change(key) if isinstance(key, str) else key
        if of_messages:
            _rewrite(entries[key], change)
            if renamed != key:
                entries[renamed].CopyFrom(entries[key])
        else:
            value = entries[key]
            entries[renamed] = change(value) if isinstance(value, str | bytes) else value
        if renamed != key:
            del entries[key]
