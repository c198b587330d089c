"""A probe that really dies: what some values do to native code, without the native code."""

import os
import time


class DeadlyProbe:
    """Aborts, hangs or raises on given values; `born` gets a line for every child that starts."""

    def __init__(self, born=None):
        self.born = born

    def __call__(self):
        if self.born is not None:
            with open(self.born, "a") as file:
                file.write(f"{os.getpid()}\n")
        return probe


def probe(values):
    for value in values:
        if value == b"abort":
            os.abort()
        if value == b"exit":
            os._exit(0)
        if value == b"hang":
            while True:
                time.sleep(1000)
        if value is not None and value.startswith(b"sleep "):
            time.sleep(float(value[6:]))
        if value == b"raise":
            raise ValueError("bad value")
    if {b"fuel", b"fire"} <= set(values):
        os.abort()
    if len(values) > 1 and b"slow together" in values:
        time.sleep(1000)


class ForgetfulProbe:
    """Aborts at some calls with several values, by their number; the size of the file `calls` counts, over children."""

    def __init__(self, calls, deadly):
        self.calls, self.deadly = calls, deadly

    def __call__(self):
        return self.probe

    def probe(self, values):
        if len(values) < 2:
            return
        with open(self.calls, "ab") as file:
            file.write(b".")
            file.flush()
            if file.tell() in self.deadly:
                os.abort()


def broken():
    """A probe that cannot be made."""
    raise RuntimeError("no bundle here")


def dead():
    """A probe that kills when it is made."""
    os.abort()
