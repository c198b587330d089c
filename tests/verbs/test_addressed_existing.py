"""Outputs at addresses that are there already, after runs that were ended and beside runs that go on."""

import contextlib
import functools
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from beam_jobs.batch.file_job import new_directory
from beam_jobs.file_runs import existing
from beam_jobs.stored import files
from schemas.artifacts.artifact import Artifact
from schemas.errors import ArtifactError, ServiceError
from tests.batch.deadly_publishing import Settings, make
from tests.support import object_store
from tests.verbs.test_addressed_outputs import check_whole, store  # noqa: F401

ADDRESS = "shelf://sets/a"
FRESH = f"{ADDRESS}.onegraph-new"


def check(says: str) -> None:
    existing.check_output(Settings(ADDRESS, says), "training_set")


def taken(rows: str) -> Artifact | None:
    return existing.taken(Settings(ADDRESS, "skip"), "training_set", lambda: {"code": rows})


def test_where_a_complete_set_waits_beside_no_run_begins_and_nothing_is_to_be_removed():
    make(FRESH, "new")
    for begin in (lambda: check("refuse"), lambda: new_directory(ADDRESS, "training_set").__enter__()):
        with pytest.raises(ArtifactError, match="ended while it replaced this; --existing skip or rebuild finishes it"):
            begin()
    check("skip")
    assert taken("new") is not None
    check_whole(ADDRESS, ("new",))
    assert object_store.content(FRESH) == {}


@pytest.mark.parametrize("before", ["nothing", "a foreign shard", "a set"])
def test_no_set_is_marked_that_lacks_a_file(before):
    if before == "a set":
        make(ADDRESS, "before")
    make(FRESH, "after, and longer")
    files.remove(f"{FRESH}/rejected-00000-of-00002.jsonl")
    if before == "a foreign shard":
        files.write(f"{ADDRESS}/rejected-00000-of-00002.jsonl", b"of another run")
    for finish in (lambda: taken("after"), lambda: make(ADDRESS, "later")):
        with pytest.raises(ArtifactError, match=r"rejected-00000-of-00002.jsonl: lost, .*; remove shelf://sets/a"):
            finish()
    if before == "a set":
        check_whole(ADDRESS, ("before",))
    else:
        assert not files.exists(f"{ADDRESS}/COMPLETED")


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("change", ["create", "delete"])
def test_a_run_that_comes_while_another_one_replaces_loses_no_set(change, fails, monkeypatch):
    make(ADDRESS, "before")
    at = {"create": f"{FRESH}/unfinished/run", "delete": f"{ADDRESS}/COMPLETED"}[change]
    real = getattr(object_store.ShelfFileSystem, change)

    def end() -> None:
        if fails:
            raise ZeroDivisionError

    def second() -> None:
        with contextlib.suppress(ZeroDivisionError):
            make(ADDRESS, "second", during=end)

    def meanwhile(self, paths, *rest, **more):
        if (paths == at or at in paths) and files.exists(f"{FRESH}/COMPLETED"):
            monkeypatch.setattr(object_store.ShelfFileSystem, change, real)
            second()
        return real(self, paths, *rest, **more)

    monkeypatch.setattr(object_store.ShelfFileSystem, change, meanwhile)
    with pytest.raises(ArtifactError, match="another run has begun to make it meanwhile; it is left to that one"):
        make(ADDRESS, "first")
    check_whole(ADDRESS, ("first",) if fails else ("second",))


def test_a_run_that_comes_within_any_step_of_another_one_leaves_no_half_of_a_set():
    for number in itertools.count(1):
        address = f"shelf://sets/{number}"
        make(address, "before")
        with pytest.MonkeyPatch.context() as patch:
            came = AtChange(number, patch, functools.partial(make, address, "second"))
            with contextlib.suppress(ArtifactError, ServiceError):
                make(address, "first", during=came.start)
        if files.exists(f"{address}/COMPLETED"):
            check_whole(address, ("second",) if came.ended else ("first",))
        if not came.ended:
            break
    assert number > 20


class AtChange:
    """Has something done before a change of the store, so many after the start."""

    def __init__(self, number: int, patch: pytest.MonkeyPatch, do: Callable[[], None]):
        self.ended = False
        self._left, self._patch, self._do = number, patch, do

    def start(self) -> None:
        for name in ("create", "rename", "delete"):
            self._patch.setattr(object_store.ShelfFileSystem, name, self._counted(name))

    def _counted(self, name: str) -> Any:
        real = getattr(object_store.ShelfFileSystem, name)

        def changed(*given: Any, **more: Any) -> Any:
            self._left -= 1
            if not self._left:
                self._patch.undo()
                self._do()
                self.ended = True
            return real(*given, **more)

        return changed


@pytest.mark.parametrize("says", ["skip", "rebuild"])
def test_what_workers_write_after_their_run_has_failed_locks_no_address(says):
    work: list[str] = []

    def fails() -> None:
        work.extend(name for name in object_store.names() if name.endswith("0-first"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        make(ADDRESS, "first", during=fails)
    files.write(work[0], b"late")
    with pytest.raises(ArtifactError, match="--existing rebuild begins anew"):
        check("refuse")
    check(says)
    make(ADDRESS, "second")
    check_whole(ADDRESS, ("second",))


def test_a_run_that_is_to_refuse_replaces_no_set_that_came_meanwhile():
    make(ADDRESS, "before")
    with (
        pytest.raises(ArtifactError, match="not empty"),
        existing.replaced(Settings(ADDRESS, "refuse")) as settings,
        new_directory(settings.output, "training_set"),
    ):
        pass
    check_whole(ADDRESS, ("before",))
