"""Raw files of the public data sets as our use cases want them, each in another format."""

import csv
import gzip
import io
import itertools
import json
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import fastavro
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

ROWS_STREAMED = 2_000
_RATINGS = 30_000


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
    """Avro of the CSV's rows, all numbers."""
    text = gzip.decompress((data / "credit_scoring" / "CreditScoring.csv.gz").read_bytes()).decode()
    rows = [{name: int(value) for name, value in row.items()} for row in csv.DictReader(io.StringIO(text))]
    fields = [{"name": name, "type": "long"} for name in rows[0]]
    schema = fastavro.parse_schema({"type": "record", "name": "loan", "fields": fields})
    files = folder / "loans.avro", folder / "few.avro"
    for file, part in zip(files, (rows, rows[:ROWS_STREAMED]), strict=True):
        with file.open("wb") as out:
            fastavro.writer(out, schema, part, codec="deflate")
    return RawFiles([str(files[0])], [str(files[1])])


def movielens(data: pathlib.Path, folder: pathlib.Path) -> RawFiles:
    """JSON lines of the first 30,000 ratings, those of 211 users, joined with their movies; genres are lists."""

    def table(name: str) -> csv.DictReader:
        text = gzip.decompress((data / "movielens_small" / name).read_bytes()).decode()
        return csv.DictReader(io.StringIO(text, newline=""))

    movies = {row["movieId"]: row for row in table("movies.csv.gz")}
    lines = []
    for row in itertools.islice(table("ratings.csv.gz"), _RATINGS):
        movie = movies[row["movieId"]]
        genres = [] if movie["genres"].startswith("(") else movie["genres"].split("|")
        numbers = {name: int(row[name]) for name in ("userId", "movieId", "timestamp")}
        lines.append(json.dumps({**numbers, "title": movie["title"], "genres": genres, "rating": float(row["rating"])}))
    return _text_files(folder, "ratings.jsonl", lines)


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
    maker.__name__: maker for maker in (taxi, census, house_prices, credit_scoring, movielens, fraud)
}


def _text_files(folder: pathlib.Path, name: str, lines: Iterable[str], options: tuple[str, ...] = ()) -> RawFiles:
    lines = list(lines)
    (folder / name).write_text("\n".join([*lines, ""]))
    (folder / f"few-{name}").write_text("\n".join([*itertools.islice(lines, ROWS_STREAMED), ""]))
    return RawFiles([str(folder / name)], [str(folder / f"few-{name}")], options)
