"""Which files would be read, for people."""

from collections.abc import Sequence

from beam_jobs.raw_files.raw_format import RawFile

_SHOWN = 10


def files_text(files: Sequence[RawFile]) -> list[str]:
    """Return a line per file, those behind the tenth as a sum; of files elsewhere the size is not known.

    >>> from beam_jobs.raw_files.plain_file import Stamp
    >>> files_text([RawFile("a.csv", "a.csv", 0, Stamp(16443, 0)), RawFile("gs://b/c.csv", "c.csv", 1)])
    ['a.csv would be read, 16,443 bytes', 'gs://b/c.csv would be read']
    """
    lines = [f"{file.path} would be read" + _bytes(file) for file in files[:_SHOWN]]
    rest = files[_SHOWN:]
    if rest:
        size = sum(file.stamp.size for file in rest if file.stamp)
        lines.append(f"{len(rest):,} more files would be read, {size:,} bytes")
    return lines


def _bytes(file: RawFile) -> str:
    return f", {file.stamp.size:,} bytes" if file.stamp else ""
