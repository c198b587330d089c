"""What a graph may have: all that computes numbers from columns, nothing that reaches out, wherever it is hidden."""

import pathlib
import shutil

import pytest
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow.core.framework import op_def_pb2
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.client import pywrap_tf_session

from schemas.errors import ArtifactError, InputError
from schemas.schema import SERVING, Schema
from tests.support.small_artifacts import build_graph
from transforms.graph import operations
from transforms.graph.graph import SAVED_MODEL, TransformGraph
from transforms.graph.operations import FILE, allowed, check_saved_model
from transforms.missing import fill

SCHEMA = Schema.from_text('feature { name: "x" type: FLOAT }')
# Stateful, and yet they keep to themselves: calls, tables, variables, checks.
KEPT = """
Assert AssignVariableOp AnonymousHashTable Case CheckNumerics CheckNumericsV2 DestroyResourceOp Empty GuaranteeConst
HashTable HashTableV2 If InitializeTableFromDataset InitializeTableV2 LookupTableExportV2 LookupTableFindV2
LookupTableImportV2 LookupTableSizeV2 RangeDataset ReadVariableOp ResourceGather ResourceGatherNd
StatefulPartitionedCall StatelessRandomGetAlg TensorArrayCloseV3 TensorArrayConcatV3 TensorArrayGatherV3
TensorArrayReadV3 TensorArrayScatterV3 TensorArraySizeV3 TensorArraySplitV3 TensorArrayV3 TensorArrayWriteV3
TensorDataset TensorSliceDataset VarHandleOp VarIsInitializedOp VariableShape While
"""
HARMFUL = """
Abort CacheDataset CacheDatasetV2 CollectiveReduceV2 DataServiceDatasetV4 DatasetFromGraph DebugIdentityV3
DecodeProtoV2 EagerPyFunc FileSystemSetConfiguration ImmutableConst ListSnapshotChunksDataset LMDBDataset
MatchingFiles MergeV2Checkpoints ParseTensor Print PrintV2 PyFunc PyFuncStateless RandomUniform ReadFile RemoteCall
RestoreV2 SaveV2 SqlDataset TextLineDataset WholeFileReaderV2 WriteFile WriteSummary _Recv _Send NoSuchOperation
"""


def wide(inputs):
    """What people write: vocabularies, buckets, expressions, ragged and sparse values, hashes, branches, loops."""
    fare, seconds = fill(inputs["fare"], 0.0), tf.cast(fill(inputs["trip_seconds"], 0), tf.float32)
    company, payment = fill(inputs["company"], ""), fill(inputs["payment_type"], "")
    words = tf.strings.split(company)
    keys = tf.lookup.KeyValueTensorInitializer(["Cash", "Credit Card"], tf.constant([1, 2], tf.int64))
    sparse = tf.SparseTensor(inputs["fare"].indices, inputs["fare"].values, [inputs["fare"].dense_shape[0], 1])
    return {
        "bucket": tft.bucketize(fare, 4),
        "branch": tf.cond(tf.reduce_sum(fare) > 0, lambda: fare, lambda: -fare),
        "calendar": tf.math.floormod(tf.cast(seconds, tf.int64) // 3600, 24),
        "cross": tft.hash_strings(tf.strings.join([company, payment], "_X_"), 64),
        "each": tf.map_fn(lambda one: one * 2, fare),
        "expression": tf.strings.length(tf.strings.regex_replace(tf.strings.lower(company), "[^a-z]", "")),
        "first_word": tf.strings.length(words.to_tensor("", shape=[None, 3])[:, 0]),
        "hash": tf.strings.to_hash_bucket_strong(company, 10, key=[1, 2]),
        "letters": tf.strings.unicode_decode(company, "UTF-8").row_lengths(),
        "loop": tf.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x + 1.0), [tf.constant(0), fare])[1],
        "one_hot": tf.one_hot(tf.cast(seconds, tf.int64) % 4, 4)[:, 1],
        "ratio": tf.clip_by_value(fare / (1.0 + seconds), 0, 10),
        "scaled": tft.scale_to_z_score_per_key(fare, payment),
        "sparse": tf.reshape(tf.sparse.reduce_sum(sparse, axis=1), [-1]),
        "table": tf.lookup.StaticHashTable(keys, 0).lookup(payment),
        "top": tf.math.top_k(tf.stack([fare, -fare], 1), 1).values[:, 0],
        "vocabulary": tft.compute_and_apply_vocabulary(company, top_k=50, num_oov_buckets=3),
        "vocabulary_of_records": tft.compute_and_apply_vocabulary(
            payment, file_format="tfrecord_gzip", vocab_filename="records"
        ),
        "words": words.row_lengths(),
    }


def registered() -> dict[str, op_def_pb2.OpDef]:
    buffer = pywrap_tf_session.TF_GetAllOpList()
    return {op.name: op for op in op_def_pb2.OpList.FromString(pywrap_tf_session.TF_GetBuffer(buffer)).op}


def test_the_list_has_operations_that_exist_and_keep_to_themselves():
    known = registered()
    assert allowed() - known.keys() == set()
    assert {name for name in allowed() if known[name].is_stateful} == set(KEPT.split())
    assert not allowed() & set(HARMFUL.split())
    assert len(allowed()) > 450


@pytest.mark.needs_time
def test_a_wide_graph_is_built_loaded_and_called(taxi, trips, tmp_path, monkeypatch):
    serving = taxi.schema.environment(SERVING)
    graph = TransformGraph.load(build_graph(wide, serving, [trips.slice(0, 200)], tmp_path / "graph"))
    moved = shutil.move(graph.path, tmp_path / "moved")
    features = TransformGraph.load(moved).apply(trips.slice(0, 100))
    assert features.tobytes() == graph.apply(trips.slice(0, 100)).tobytes()
    assert features.shape == (100, 19)


@pytest.fixture
def own(taxi_graph, tmp_path) -> pathlib.Path:
    """The SavedModel of a copy of the taxi graph; its parent is the graph directory."""
    return shutil.copytree(taxi_graph, tmp_path / "graph") / SAVED_MODEL


def changed(path: pathlib.Path, change) -> pathlib.Path:
    model = saved_model_pb2.SavedModel.FromString((path / FILE).read_bytes())
    change(model.meta_graphs[0])
    (path / FILE).write_bytes(model.SerializeToString())
    return path


def function(graph, part: str):
    return next(one for one in graph.graph_def.library.function if part in one.signature.name)


def in_the_call(graph, op):
    function(graph, "_pruned").node_def.add(name="x", op=op)


def in_an_initializer(graph, op):
    function(graph, "_initializer").node_def.add(name="x", op=op)


def in_the_graph_itself(graph, op):
    graph.graph_def.node.add(name="x", op=op)


def in_a_branch(graph, op):
    added = graph.graph_def.library.function.add()
    added.signature.name = "branch"
    added.node_def.add(name="x", op=op)
    node = function(graph, "_pruned").node_def.add(name="if", op="If")
    node.attr["then_branch"].func.name = "branch"
    node.attr["else_branch"].func.name = "branch"


def in_one_of_branches(graph, op):
    in_a_branch(graph, op)
    node = function(graph, "_pruned").node_def[-1]
    node.op = "Case"
    node.attr["branches"].list.func.add(name="branch")
    del node.attr["then_branch"], node.attr["else_branch"]


def in_a_call_of_the_old_form(graph, op):
    in_a_branch(graph, op)
    del function(graph, "_pruned").node_def[-1]
    function(graph, "_pruned").node_def.add(name="call", op="branch")


def given_to_a_function(graph, op):
    """A function is handed on as an attribute of the one that is called."""
    in_a_branch(graph, op)
    node = function(graph, "_pruned").node_def[-1]
    node.op = "PartitionedCall"
    graph.graph_def.library.function.add().signature.name = "between"
    node.attr["f"].func.name = "between"
    node.attr["f"].func.attr["g"].list.func.add(name="unknown").attr["h"].func.name = "branch"
    del node.attr["then_branch"], node.attr["else_branch"]


PLACES = [
    given_to_a_function,
    in_the_call,
    in_an_initializer,
    in_a_branch,
    in_one_of_branches,
    in_a_call_of_the_old_form,
]


@pytest.mark.parametrize("op", HARMFUL.split())
def test_harmful_operations(own, op):
    changed(own, lambda graph: in_the_call(graph, op))
    with pytest.raises(ArtifactError, match=rf"operation {op} in function __inference_pruned_\d+; a graph computes"):
        check_saved_model(own)


@pytest.mark.parametrize("place", [*PLACES, in_the_graph_itself])
@pytest.mark.parametrize("op", ["WriteFile", "PyFunc"])
def test_wherever_they_are(own, place, op):
    changed(own, lambda graph: place(graph, op))
    with pytest.raises(ArtifactError, match=f"operation {op} in "):
        TransformGraph.load(own.parent)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("op", ["RestoreV2", "SaveV2", "MergeV2Checkpoints"])
def test_variables_are_saved_and_restored_by_functions_that_nothing_else_reaches(own, place, op):
    changed(own, lambda graph: place(graph, op))
    with pytest.raises(ArtifactError, match=f"operation {op} in function"):
        check_saved_model(own)


def named_like_an_operation(graph):
    in_a_branch(graph, "NoOp")
    graph.graph_def.library.function[-1].signature.name = "WriteFile"
    function(graph, "_pruned").node_def.add(name="write", op="WriteFile")


def named_twice(graph):
    graph.graph_def.library.function.add().signature.name = function(graph, "_pruned").signature.name


@pytest.mark.parametrize("change", [named_like_an_operation, named_twice])
def test_a_function_has_a_name_of_its_own(own, change):
    changed(own, change)
    with pytest.raises(ArtifactError, match="a function of its SavedModel has the name of another or of an operation"):
        check_saved_model(own)


def test_names_of_several_lines_are_shown_in_one(own):
    changed(own, lambda graph: in_the_call(graph, "Write\nFile" * 50))
    with pytest.raises(ArtifactError, match=r"operation 'Write\\nFile") as caught:
        check_saved_model(own)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("inside", [False, True])
def test_an_attribute_that_is_left_open(own, inside):
    """What a caller would put there could be any function."""

    def leave_open(graph):
        attributes = function(graph, "_pruned").node_def.add(name="x", op="PartitionedCall").attr
        if inside:
            attributes["f"].func.name = "unknown"
            attributes = attributes["f"].func.attr
        attributes["g"].placeholder = "G"

    changed(own, leave_open)
    with pytest.raises(ArtifactError, match="an attribute of its SavedModel is left open"):
        check_saved_model(own)


def by_an_object(graph):
    graph.object_graph_def.nodes.add().function.concrete_functions.append(function(graph, "_restore").signature.name)


def by_a_bare_object(graph):
    name = function(graph, "_save").signature.name
    graph.object_graph_def.nodes.add().bare_concrete_function.concrete_function_name = name


def by_an_interface(graph):
    function(graph, "_save").attr["api_implements"].s = b"lstm"


@pytest.mark.parametrize("reach", [by_an_object, by_a_bare_object, by_an_interface])
def test_an_object_that_saves_or_restores(own, reach):
    changed(own, reach)
    with pytest.raises(ArtifactError, match=r"operation (Merge|Restore|Save|Sharded)"):
        check_saved_model(own)


def a_constant_name(graph):
    reader = function(graph, "_initializer")
    node = next(node for node in reader.node_def if node.op == "InitializeTableFromTextFileV2")
    reader.node_def.add(name="path", op="Const").attr["value"].tensor.string_val.append(b"/etc/hostname")
    node.input[1] = "path:output:0"


def a_constant_object(graph):
    name = function(graph, "_initializer").signature.name
    constant = next(at for at, one in enumerate(graph.object_graph_def.nodes) if one.HasField("constant"))
    graph.object_graph_def.concrete_functions[name].bound_inputs[0] = constant


def an_object_that_is_not(graph):
    name = function(graph, "_initializer").signature.name
    graph.object_graph_def.concrete_functions[name].bound_inputs[0] = 10_000


def no_bound_object(graph):
    name = function(graph, "_initializer").signature.name
    del graph.object_graph_def.concrete_functions[name].bound_inputs[:]


def a_name_that_is_given(graph):
    """The function that has the table's name bound is called with another one too."""
    name = function(graph, "_initializer").signature.name
    call = function(graph, "_pruned").node_def.add(name="call", op="PartitionedCall", input=["path:output:0", "t:0"])
    call.attr["f"].func.name = name
    function(graph, "_pruned").node_def.add(name="path", op="Const")


def a_name_that_is_made(graph):
    reader = function(graph, "_initializer")
    node = next(node for node in reader.node_def if node.op == "InitializeTableFromTextFileV2")
    reader.node_def.add(name="path", op="StringJoin", input=[node.input[1]])
    node.input[1] = "path:output:0"


def a_column_as_name(graph):
    called = function(graph, "_pruned")
    called.node_def.add(
        name="read", op="InitializeTableFromTextFileV2", input=["t:0", called.signature.input_arg[0].name]
    )


def a_name_in_a_circle(graph):
    reader = function(graph, "_initializer")
    node = next(node for node in reader.node_def if node.op == "InitializeTableFromTextFileV2")
    reader.node_def.add(name="one", op="Identity", input=["two:output:0"])
    reader.node_def.add(name="two", op="Identity", input=["one:output:0"])
    reader.node_def.add(name="read", op="TFRecordDataset", input=["path:output:0"])
    node.input[1] = "one:output:0"


def a_reader_without_inputs(graph):
    function(graph, "_pruned").node_def.add(name="read", op="InitializeTableFromTextFileV2")


@pytest.mark.parametrize(
    "change",
    [
        a_constant_name,
        a_constant_object,
        an_object_that_is_not,
        no_bound_object,
        a_name_that_is_given,
        a_name_that_is_made,
        a_column_as_name,
        a_name_in_a_circle,
        a_reader_without_inputs,
    ],
)
def test_tables_read_the_graphs_own_files_only(own, change):
    changed(own, change)
    with pytest.raises(ArtifactError, match=r"reads a file that is no asset of the graph|not whole"):
        check_saved_model(own)


@pytest.mark.parametrize("name", ["../../../etc/hostname", "/etc/hostname", "", "a/../../x"])
def test_assets_lie_in_their_folder(own, name):
    changed(own, lambda graph: setattr(graph.asset_file_def[0], "filename", name))
    with pytest.raises(ArtifactError, match="an asset of its SavedModel lies outside it"):
        check_saved_model(own)


def test_other_forms_are_refused(own):
    whole = (own / FILE).read_bytes()
    model = saved_model_pb2.SavedModel.FromString(whole)
    model.meta_graphs.add().CopyFrom(model.meta_graphs[0])
    without = saved_model_pb2.SavedModel.FromString(whole)
    without.meta_graphs[0].ClearField("object_graph_def")
    for data, said in (
        (model.SerializeToString(), "not of TensorFlow 2's form"),
        (without.SerializeToString(), "not of TensorFlow 2's form"),
        (b"", "not of TensorFlow 2's form"),
        (b"\xff" * 100, "its SavedModel does not load"),
        (whole[: len(whole) // 2], "its SavedModel does not load"),
    ):
        (own / FILE).write_bytes(data)
        with pytest.raises(ArtifactError, match=said):
            TransformGraph.load(own.parent)
    (own / FILE).unlink()
    (own / "saved_model.pbtxt").write_text(str(without))
    with pytest.raises(ArtifactError, match=r"its SavedModel does not load: no saved_model\.pb"):
        TransformGraph.load(own.parent)


def test_a_file_that_is_too_large_is_not_read(own, monkeypatch):
    monkeypatch.setattr(operations, "LARGEST", 1000)
    with pytest.raises(ArtifactError, match="over 1,000 bytes"):
        check_saved_model(own)


def test_a_real_graph_that_writes_is_refused_before_it_is_loaded(own, tmp_path):
    target = str(tmp_path / "written")

    class Writer(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def transform_fn(self, x):
            return tf.cond(tf.size(x) > 0, lambda: self.write(), lambda: tf.constant(0))

        @tf.function
        def write(self):
            tf.io.write_file(target, "x")
            return tf.constant(1)

    shutil.rmtree(own)
    tf.saved_model.save(Writer(), str(own))
    with pytest.raises(ArtifactError, match=r"operation WriteFile in function __inference.*; a graph computes"):
        TransformGraph.load(own.parent)
    assert not pathlib.Path(target).exists()


def test_a_build_is_refused_before_anything_is_read(tmp_path):
    def printed(inputs):
        x = fill(inputs["x"], 0.0)
        with tf.control_dependencies([tf.print(x)]):
            return {"x": tf.identity(x)}

    def from_python(inputs):
        return {"x": tf.reshape(tf.py_function(lambda x: x, [fill(inputs["x"], 0.0)], tf.float32), [-1, 1])}

    def by_chance(inputs):
        x = fill(inputs["x"], 0.0)
        return {"x": x + tf.random.uniform(tf.shape(x))}

    def read(inputs):
        return {"x": fill(inputs["x"], 0.0) + tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), tf.float32)}

    for make, op in (
        (printed, "PrintV2"),
        (from_python, "EagerPyFunc"),
        (by_chance, "RandomUniform"),
        (read, "ReadFile"),
    ):
        with pytest.raises(InputError, match=rf"preprocessing_fn line \d+: operation {op} "):
            build_graph(make, SCHEMA, [], tmp_path / op)
        assert not (tmp_path / op).exists()
