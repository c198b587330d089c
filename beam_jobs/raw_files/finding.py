"""Which files are meant: names and patterns become files, each read once, in an order that no spelling changes."""

import dataclasses
import errno
import glob
import itertools
import logging
import os
from collections.abc import Sequence

from beam_jobs.cli.file_settings import BY_NAME, FileOptions
from beam_jobs.raw_files.formats import format_of
from beam_jobs.raw_files.plain_file import Stamp, check_plain, first_line, unreadable
from beam_jobs.raw_files.raw_format import RawFile
from schemas.address import is_remote
from schemas.errors import InputError
from transforms.decode.csv_dialect import COMMON

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class _Found:
    """A file that was asked for: its absolute path, how it was spelt, and what makes it the same file as another."""

    place: str
    path: str
    identity: tuple[int, int] | str
    stamp: Stamp | None


def find_files(patterns: Sequence[str], options: FileOptions = BY_NAME) -> list[RawFile]:
    """Return the files that are meant, in order of their absolute path; a file named twice comes once, with a warning.

    What exists as it is spelt is that file, whatever letters it has; all else is a pattern, which must match something.
    A file's name is its path below the folder that all of them share, so that no two have the same. Raises
    `InputError` for a pattern that matches nothing, for what is no plain file or of no known format by its name, and
    for a dialect of CSV where no file is CSV.
    """
    kept: dict[tuple[int, int] | str, _Found] = {}
    asked_for = [_found(path) for pattern in patterns for path in _matched(pattern)]
    for found in sorted(asked_for, key=lambda found: (found.place, found.path)):
        first = kept.setdefault(found.identity, found)
        if first is not found:
            which = (
                f"{found.path} is named twice"
                if first.path == found.path
                else f"{first.path} and {found.path} are one file"
            )
            _log.warning("%s; it is read once", which)
    files = list(kept.values())
    formats = {format_of(found.path, options).name for found in files}
    if options.dialect != COMMON and "csv" not in formats:
        raise InputError(f"{' '.join(patterns)}: {', '.join(sorted(formats))}, no CSV; leave out the options of CSV")
    names = _names([found.place for found in files])
    return [
        RawFile(found.path, name, number, found.stamp, options)
        for number, (found, name) in enumerate(zip(files, names, strict=True))
    ]


def _matched(pattern: str) -> list[str]:
    if pattern == "-":
        raise InputError("-: standard input is not read, since files are read twice; write it into a file")
    if is_remote(pattern):
        from beam_jobs.raw_files.remote_files import matched_remote

        try:
            matched = matched_remote(pattern)
        except OSError as error:
            raise InputError(f"{pattern}: cannot look for files there: {first_line(error)}") from None
    else:
        if os.path.lexists(pattern) or not glob.has_magic(pattern):
            return [pattern]
        matched = [path for path in glob.glob(pattern, recursive=True) if not os.path.isdir(path)]
    if not matched:
        raise InputError(f"{pattern}: no such file; check the path or quote the pattern")
    return matched


def _found(path: str) -> _Found:
    if is_remote(path):
        return _Found(path, path, path, None)
    try:
        found = os.stat(path)
    except FileNotFoundError:
        what = "a link to a file that is not there" if os.path.islink(path) else "no such file"
        raise InputError(f"{path}: {what}; check the path or quote the pattern") from None
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    check_plain(path, found)
    if not os.access(path, os.R_OK, effective_ids=True):
        raise InputError(f"{path}: cannot be read: {os.strerror(errno.EACCES)}")
    folder, name = os.path.split(path)
    # `link/../a.csv` is not the `a.csv` beside the link
    folder = os.path.realpath(folder) if ".." in folder.split("/") else os.path.abspath(folder)
    return _Found(os.path.join(folder, name), path, (found.st_dev, found.st_ino), Stamp.of(found))


def _names(places: Sequence[str]) -> list[str]:
    """Return the name of every file; of one whose name is not UTF-8 the bytes that are not are written as escapes."""
    parts = [place.split("/") for place in places]
    folders = zip(*(part[:-1] for part in parts), strict=False)
    shared = len([*itertools.takewhile(lambda level: len(set(level)) == 1, folders)])
    names = ["/".join(part[shared:]).lstrip("/") for part in parts]
    names = [os.fsencode(name).decode("utf-8", "backslashreplace") for name in names]
    if len(set(names)) != len(names):
        raise InputError(f"{len(names)} files: two have names that differ in bytes that are not UTF-8; rename one")
    return names
