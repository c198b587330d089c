"""Reading and decoding raw files, that step alone: rows a second of every format.

    python -m benchmarks.raw_files [--rows 300000] [--runs 3]

The rows are the shipped trips, written again and again in every format to a temporary folder. Every run reads each
format once; the rows a second are those of the fastest run, the ratio to plain CSV is the median of the runs'.
"""

import argparse
import pathlib
import tempfile
import time

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from beam_jobs.batch.event_files import json_events
from beam_jobs.raw_files.blocks import read_file
from beam_jobs.raw_files.finding import find_files
from beam_jobs.raw_files.intake import RawRowsDecoder, taken_in
from models.use_case import find
from schemas.schema import TRAINING, Schema
from transforms.examples.tfrecord import ShardWriter

TRIPS = pathlib.Path(__file__).parents[1] / "schemas" / "data" / "taxi.csv.gz"


def write(folder: pathlib.Path, trips: pa.RecordBatch, rows: int) -> list[pathlib.Path]:
    """Write the trips in every format until there are so many rows; return the files, plain CSV first."""
    import fastavro
    from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

    times = -(-rows // trips.num_rows)
    table = pa.Table.from_batches([trips] * times).slice(0, rows).combine_chunks()
    paths = [folder / name for name in ("t.csv", "t.csv.gz", "t.jsonl", "t.parquet", "t.avro", "t.tfrecord.gz")]
    pyarrow.csv.write_csv(table, paths[0])
    with pa.CompressedOutputStream(str(paths[1]), "gzip") as out:
        pyarrow.csv.write_csv(table, out)
    paths[2].write_bytes(b"\n".join([*json_events(table.to_batches()[0]), b""]))
    pq.write_table(table, paths[3])
    kinds = {"int64": "long", "float": "float", "string": "string"}
    fields = [{"name": one.name, "type": ["null", kinds[str(one.type)]]} for one in table.schema]
    with paths[4].open("wb") as file:
        fastavro.writer(file, {"type": "record", "name": "Trip", "fields": fields}, table.to_pylist(), codec="deflate")
    lists = [pa.ListArray.from_arrays(_offsets(array), _values(array)) for array in table.to_batches()[0].columns]
    shard = ShardWriter(paths[5])
    shard.write(RecordBatchToExamplesEncoder().encode(pa.RecordBatch.from_arrays(lists, names=table.column_names)))
    shard.close()
    return paths


def _offsets(array: pa.Array) -> pa.Array:
    lengths = array.is_valid().cast(pa.int32())
    ends = pa.compute.cumulative_sum(lengths)
    return pa.concat_arrays([pa.array([0], pa.int32()), ends])


def _values(array: pa.Array) -> pa.Array:
    values = array.drop_null()
    return values.cast(pa.binary()) if pa.types.is_string(values.type) else values


def seconds(path: pathlib.Path, schema: Schema, rows: int) -> float:
    """Return how long reading and decoding a file takes."""
    begun, read = time.perf_counter(), 0
    decoder = RawRowsDecoder(schema)
    for file in find_files([str(path)]):
        for block in read_file(file, schema.names):
            decoded = decoder.decoder(block)(block.values)
            read += decoded.batch.num_rows
    if read != rows:
        raise SystemExit(f"{path.name}: {read} rows read of {rows}")
    return time.perf_counter() - begun


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    schema = find("taxi").schema.environment(TRAINING)
    trips = [intake.batch for _, intake in taken_in(find_files([str(TRIPS)]), schema)]
    with tempfile.TemporaryDirectory() as folder:
        whole = pa.Table.from_batches(trips).combine_chunks().to_batches()[0]
        paths = write(pathlib.Path(folder), whole, given.rows)
        runs = [[seconds(path, schema, given.rows) for path in paths] for _ in range(given.runs)]
    print(f"{'format':16}{'rows/s':>12}{'to CSV':>9}")
    for at, path in enumerate(paths):
        ratio = sorted(run[0] / run[at] for run in runs)[len(runs) // 2]
        print(f"{path.name[2:]:16}{given.rows / min(run[at] for run in runs):12,.0f}{ratio:9.2f}")


if __name__ == "__main__":
    main()
