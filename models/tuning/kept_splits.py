"""Decoded splits in files, so that several processes read them without decoding, and share the memory.

Every array of a `Split` is a file of its own that NumPy maps, every column of texts an Arrow file.
"""

import dataclasses
import pathlib
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from models.families.family import Split


def keep(split: Split, folder: pathlib.Path) -> None:
    """Write a split into a new folder."""
    folder.mkdir(parents=True)
    for field in dataclasses.fields(split):
        value = getattr(split, field.name)
        if isinstance(value, np.ndarray):
            with open(folder / f"{field.name}.npy", "wb") as file:  # an error names the file then
                np.save(file, value, allow_pickle=False)
        elif isinstance(value, Mapping):
            (folder / field.name).mkdir()
            for number, (name, column) in enumerate(value.items()):
                table = pa.table({name: column})
                where = str(folder / field.name / f"{number:04d}.arrow")
                with pa.OSFile(where, "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
                    writer.write_table(table)
        elif value is not None:
            raise TypeError(f"a split's {field.name} is a {type(value).__name__}, which is not kept")


def keep_rows(rows: pa.RecordBatch, file: pathlib.Path) -> None:
    """Write raw columns of a split's rows into a new file."""
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, rows.schema) as writer:
        writer.write_batch(rows)


def kept_rows(file: pathlib.Path) -> pa.RecordBatch:
    """Read what `keep_rows` wrote, mapped."""
    return pa.ipc.open_file(pa.memory_map(str(file))).get_batch(0)


def kept(folder: pathlib.Path) -> Split:
    """Read what `keep` wrote, mapped: pages come from the files as they are looked at."""
    found: dict[str, object] = {}
    for field in dataclasses.fields(Split):
        array, texts = folder / f"{field.name}.npy", folder / field.name
        if array.is_file():
            found[field.name] = np.load(array, mmap_mode="r", allow_pickle=False)
        elif texts.is_dir():
            tables = [pa.ipc.open_file(pa.memory_map(str(file))).read_all() for file in sorted(texts.iterdir())]
            found[field.name] = {table.column_names[0]: table.column(0).combine_chunks() for table in tables}
    return Split(**found)  # type: ignore[arg-type]  # the fields are those of a split
