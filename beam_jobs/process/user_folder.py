"""The folder of this user alone among the temporary files, for markers and run files that no other user may forge."""

import os
import pathlib
import stat
import tempfile

from schemas.errors import OnegraphError


def user_folder(or_else: str) -> pathlib.Path:
    """Return the folder, made if need be; raises `OnegraphError` with a cure, `or_else`, if it is not ours."""
    base = pathlib.Path(tempfile.gettempdir()) / f"onegraph-{os.getuid()}"
    base.mkdir(mode=0o700, exist_ok=True)
    status = base.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise OnegraphError(f"{base}: is not a folder of this user alone; remove it or {or_else}")
    return base
