"""Raw files of the public data sets as our use cases want them, each in another format."""

import csv
import gzip
import io
import itertools
import json
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

ROWS_STREAMED = 2_000


class RawFiles(NamedTuple):
    """Files to build from, the first rows of them to stream, and how they are written, as options."""

    data: list[str]
    streamed: list[str]
    options: tuple[str, ...] = ()


def taxi(data: pathlib.Path, folder: pathlib.Path) -> RawFiles:
    """TFX's own tf.Examples in its TFRecords, as they are."""
    examples = data / "chicago_taxi" / "tfx_testdata" / "csv_example_gen"
    few = [str(examples / "Split-eval" / f"data_tfrecord-{part:05}-of-00012.gz") for part in range(4)]
    return RawFiles([str(examples / "*" / "data_tfrecord-*.gz")], few, ("--data-format", "tfrecord"))


def census(data: pathlib.Path, folder: pathlib.Path) -> RawFiles:
    """CSV without a header; the blank behind every comma is taken out, and the first line of adult.test, no row."""
    lines = []
    for name in ("adult.data.gz", "adult.test.gz"):
        text = gzip.decompress((data / "census_income" / name).read_bytes()).decode()
        lines += [line.replace(", ", ",") for line in text.splitlines() if line.count(",") == 14]
    return _text_files(folder, "adult.csv", lines, ("--csv-header", "none"))


def house_prices(data: pathlib.Path, folder: pathlib.Path) -> RawFiles:
    """Kaggle's CSV, as it is; all of its 1,460 rows are streamed."""
    file = str(data / "house_prices" / "train.csv.gz")
    return RawFiles([file], [file])


def credit_scoring(data: pathlib.Path, folder: pathlib.Path) -> RawFiles:
    """JSON lines of the CSV's rows, all numbers."""
    text = gzip.decompress((data / "credit_scoring" / "CreditScoring.csv.gz").read_bytes()).decode()
    rows = csv.DictReader(io.StringIO(text))
    lines = [json.dumps({name: int(value) for name, value in row.items()}) for row in rows]
    return _text_files(folder, "loans.jsonl", lines)


def fraud(data: pathlib.Path, folder: pathlib.Path) -> RawFiles:
    """Parquet of transactions joined with their features: the 21 days of the handbook's baseline."""
    handbook = data / "fraud_handbook"
    first, last = pa.scalar(20180725), pa.scalar(20180814)
    raw = pa.parquet.read_table(handbook / "transactions_raw.parquet")
    day = pc.cast(pc.strftime(raw.column("TX_DATETIME"), "%Y%m%d"), pa.int64())
    raw = raw.filter(pc.and_(pc.greater_equal(day, first), pc.less_equal(day, last)))
    features = pa.parquet.read_table(handbook / "features_2018-06-11_2018-09-14.parquet")
    joined = raw.join(features, "TRANSACTION_ID", join_type="inner").sort_by("TRANSACTION_ID")
    data_file, few = folder / "transactions.parquet", folder / "few.parquet"
    pa.parquet.write_table(joined, data_file)
    pa.parquet.write_table(joined.slice(0, ROWS_STREAMED), few)
    return RawFiles([str(data_file)], [str(few)])


MAKERS: Mapping[str, Callable[[pathlib.Path, pathlib.Path], RawFiles]] = {
    maker.__name__: maker for maker in (taxi, census, house_prices, credit_scoring, fraud)
}


def _text_files(folder: pathlib.Path, name: str, lines: Iterable[str], options: tuple[str, ...] = ()) -> RawFiles:
    lines = list(lines)
    (folder / name).write_text("\n".join([*lines, ""]))
    (folder / f"few-{name}").write_text("\n".join([*itertools.islice(lines, ROWS_STREAMED), ""]))
    return RawFiles([str(folder / name)], [str(folder / f"few-{name}")], options)
