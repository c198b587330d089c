"""The stock tf.Transform way from CSV to a TFRecord training set, as its own guide shows it, for comparison.

    python -m benchmarks.rivals.stock_tft DATA.csv OUTPUT_DIRECTORY

One pipeline: `CsvTFXIO` in its default batches, `AnalyzeAndTransformDataset` with the same preprocessing_fn as ours
and the label beside it, `RecordBatchToExamplesEncoder`, `WriteToTFRecord`, not compressed, as all ways here. Deep copy
optimisation and everything else at its default. It does less than ours: no splits, no validation, no rejected rows, no
statistics.
Prints one JSON line: rows and the seconds of the pipeline, from its making to its end, without imports.
"""

import functools
import json
import pathlib
import sys
import tempfile
import time


def main() -> None:
    """Run once on the file and directory of the command line."""
    data, output = sys.argv[1:3]
    import apache_beam as beam
    import tensorflow as tf
    import tensorflow_transform as tft
    import tensorflow_transform.beam as tft_beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from tensorflow_metadata.proto.v0 import schema_pb2
    from tfx_bsl.public import tfxio

    from models import use_case
    from transforms.missing import fill

    taxi = use_case.find("taxi")

    def preprocess(inputs):
        features = taxi.preprocessing_fn({name: inputs[name] for name in taxi.schema.environment("SERVING").names})
        big = fill(inputs["tips"], 0.0) > fill(inputs["fare"], 0.0) * 0.2
        return {**features, "label": tf.cast(big, tf.float32)}

    with open(data) as file:
        header = file.readline().rstrip("\n").split(",")
    schema = schema_pb2.Schema()
    schema.CopyFrom(taxi.schema.proto)
    for feature in schema.feature:  # a missing value is an empty list, as our preprocessing_fn expects
        feature.ClearField("presence")
        feature.ClearField("value_count")
        feature.ClearField("domain_info")
    source = tfxio.CsvTFXIO(
        file_pattern=data,
        telemetry_descriptors=["benchmark"],
        column_names=header,
        schema=schema,
        skip_header_lines=1,
    )
    started, cpu_started = time.perf_counter(), time.process_time()
    with (
        tempfile.TemporaryDirectory() as temp,
        beam.Pipeline(options=PipelineOptions(["--runner=DirectRunner"])) as pipeline,
        tft_beam.Context(temp_dir=temp),
    ):
        raw = pipeline | "Read" >> source.BeamSource()
        dataset = (raw, source.TensorAdapterConfig())
        analyze_and_transform = tft_beam.AnalyzeAndTransformDataset(preprocess, output_record_batches=True)
        (transformed, metadata), _ = dataset | "Analyze And Transform" >> analyze_and_transform
        examples = transformed | "Encode" >> beam.FlatMap(functools.partial(_encode, schema=metadata.schema))
        prefix = str(pathlib.Path(output) / "train")
        _ = examples | "Write" >> beam.io.WriteToTFRecord(prefix, file_name_suffix=".tfrecord")
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    with open(data, "rb") as raw:
        rows = sum(block.count(b"\n") for block in iter(lambda: raw.read(1 << 20), b"")) - 1
    print(json.dumps({"rows": rows, "seconds": seconds, "cpu_seconds": cpu_seconds, "tft": tft.__version__}))


def _encode(element, schema):
    from tfx_bsl.public.tfxio import RecordBatchToExamplesEncoder

    batch, _ = element
    return RecordBatchToExamplesEncoder(schema).encode(batch)


if __name__ == "__main__":
    main()
