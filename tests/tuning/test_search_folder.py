"""One process at a time works on a search: in its directory, and on its study wherever that is."""

import pathlib

import pytest

from beam_jobs.tuning.search_folder import SearchFolder
from schemas.errors import ServiceError


@pytest.mark.parametrize("storage", [None, "elsewhere.db"])
def test_two_outputs_do_not_work_on_one_storage(tmp_path: pathlib.Path, storage: str | None) -> None:
    first = SearchFolder(str(tmp_path / "first"), storage and str(tmp_path / storage))
    (tmp_path / "link.db").symlink_to(first.storage)
    for name in (str(first.storage), str(tmp_path / "link.db")):
        second = SearchFolder(str(tmp_path / "second"), name)
        with first.held(), pytest.raises(ServiceError) as refused, second.held():
            pass
        assert str(refused.value) == f"{name}: another process works on this search; wait for it, or end it"
        with second.held():
            assert second.work.is_dir()
    with first.held(), SearchFolder(str(tmp_path / "second"), str(tmp_path / "own.db")).held():
        pass


def test_a_directory_that_is_held_is_refused_as_it_is(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "search")
    again = SearchFolder(path, None)
    with SearchFolder(path, None).held():
        for _ in range(2):
            with pytest.raises(ServiceError, match="another process works on this search"), again.held():
                pass
            assert again.work.is_dir()
