"""Work that really dies, hangs or takes memory: what a bundle may do to the process that loads it."""

import contextlib
import dataclasses
import os
import pathlib
import signal
import sys
import tempfile
import time

from schemas.errors import InputError


def nothing():
    """Nothing happens."""


def leave_a_file(said):
    """Make a temporary file that nobody removes, as AutoGraph does in a process that is killed; say where."""
    with tempfile.NamedTemporaryFile(delete=False) as file:
        pathlib.Path(said).write_text(file.name)


def want_loaded(module):
    """Raise if a module was not imported before this work began."""
    if module not in sys.modules:
        raise InputError(f"{module} is not imported")


def abort():
    os.abort()


def segfault():
    os.kill(os.getpid(), signal.SIGSEGV)


def leave():
    os._exit(3)


def hang(begun=None):
    if begun is not None:
        pathlib.Path(begun).write_text(str(os.getpid()))
    while True:
        time.sleep(1000)


def spin(begun):
    """Never end, in Python, and so never wait for anything."""
    pathlib.Path(begun).write_text(str(os.getpid()))
    while True:
        pass


def take(size):
    """Take memory and hold it for a while."""
    held = bytearray(size)
    for at in range(0, size, 4096):
        held[at] = 1
    time.sleep(1000)


def take_and_keep(size):
    """Take memory that stays with the process."""
    globals()["_kept"] = b"\x01" * size


def sockets():
    """Raise what this process has open that is a socket, but for the channel, or a lock of another."""
    found = []
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the listing's own
            found.append(os.readlink(f"/proc/self/fd/{fd}"))
    raise InputError(" ".join(sorted(one.split(":")[0] for one in found if one.startswith(("socket", "/tmp")))))


def fail(kind, text):
    raise kind(text)


@dataclasses.dataclass(frozen=True)
class CheckOf:
    """A job's check that does something with one bundle: `abort`, `hang`, `wait`, `killed once` or `refuse`; with any,
    where that is empty. `wait` goes on once there is a file `begun` with `.go`, and takes the bundle. `killed once`
    takes it where there is a file `begun`; else it makes the file and has its process end by SIGKILL.
    """

    bundle: str
    what: str
    begun: str = ""

    def __call__(self, scorer, rows, scored):
        if self.bundle in ("", scorer.bundle_id):
            if self.what == "hang":
                hang(self.begun or None)
            if self.what == "abort":
                abort()
            if self.what == "no memory":
                raise MemoryError
            if self.what == "killed once":
                if not pathlib.Path(self.begun).exists():
                    pathlib.Path(self.begun).touch()
                    os.kill(os.getpid(), signal.SIGKILL)
                return
            if self.what == "wait":
                pathlib.Path(self.begun).touch()
                while not pathlib.Path(f"{self.begun}.go").exists():
                    time.sleep(0.02)
                return
            raise InputError(f"the writer's schema has no field 'fare' ({rows.num_rows} rows, {len(scored.scores)})")


@dataclasses.dataclass(frozen=True)
class CheckOfOthers(CheckOf):
    """The same with every bundle but one."""

    def __call__(self, scorer, rows, scored):
        if scorer.bundle_id != self.bundle:
            dataclasses.replace(CheckOf("", self.what, self.begun))(scorer, rows, scored)
