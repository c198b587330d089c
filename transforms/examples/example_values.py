"""The values of a serialized `tf.train.Example`, read without TensorFlow.

`Example`, `Features` and `Feature` are made anew from their public field numbers, so that protobuf itself parses
them, as it does for TensorFlow; that both read the same is tested.
"""

import functools
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

_LISTS = {"bytes_list": "BytesList", "float_list": "FloatList", "int64_list": "Int64List"}
_VALUES = {"BytesList": "TYPE_BYTES", "FloatList": "TYPE_FLOAT", "Int64List": "TYPE_INT64"}


def example_values(record: bytes) -> dict[str, list[Any]]:
    """Return the values of every feature by its name, sorted: lists of bytes, floats or integers.

    Raises `ValueError` if the record is no example.
    """
    try:
        example = _example_class().FromString(record)
    except DecodeError:
        raise ValueError("not a tf.train.Example") from None
    found = {}
    for name, feature in sorted(example.features.feature.items()):
        which = feature.WhichOneof("kind")
        found[name] = list(getattr(feature, which).value) if which else []
    return found


@functools.cache
def _example_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="onegraph/example.proto", package="onegraph.example", syntax="proto3"
    )
    for name, kind in _VALUES.items():
        values = file.message_type.add(name=name).field.add(name="value", number=1, type=kind, label="LABEL_REPEATED")
        if kind != "TYPE_BYTES":
            values.options.packed = True
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, (name, kind) in enumerate(_LISTS.items(), start=1):
        _message(feature, name, number, kind).oneof_index = 0
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type="TYPE_STRING", label="LABEL_OPTIONAL")
    _message(entry, "value", 2, "Feature")
    _message(features, "feature", 1, "Features.FeatureEntry").label = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
    _message(file.message_type.add(name="Example"), "features", 1, "Features")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("onegraph.example.Example"))


def _message(
    owner: descriptor_pb2.DescriptorProto, name: str, number: int, kind: str
) -> descriptor_pb2.FieldDescriptorProto:
    """Add a field that is a message of ours."""
    return owner.field.add(
        name=name, number=number, type="TYPE_MESSAGE", label="LABEL_OPTIONAL", type_name=f".onegraph.example.{kind}"
    )
