"""A new artifact is made where there is room and nothing else; what does not come to its end is removed."""

import errno
import os
import pathlib
import tempfile

import pytest

from schemas.artifacts import artifact
from schemas.artifacts.making import check_place, check_writable, copy_folder, making
from schemas.errors import ArtifactError, InputError, OnegraphError
from tests.support.file_limit import no_file_grows_over

FULL = os.strerror(errno.ENOSPC)


def refused(path: pathlib.Path) -> str:
    with pytest.raises(ArtifactError) as said:
        check_place(path, "candidate")
    return str(said.value)


def test_where_nothing_can_be_made(tmp_path: pathlib.Path) -> None:
    with making(tmp_path / "set", "training_set") as whole:
        artifact.complete(whole, "training_set", {})
    (tmp_path / "notes").write_text("")
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "COMPLETED").write_text("")
    for name, said in {
        "set": "already a completed training_set; choose another directory",
        "other": "already a completed candidate; choose another directory",
        "set/candidate": f"in {whole}, which is complete and must not change; choose another directory",
        "set/a/b": f"in {whole}, which is complete and must not change; choose another directory",
        "notes": "a file, wanted a directory for the new candidate; choose another name",
        "notes/candidate": f"{tmp_path}/notes is a file, wanted a directory; choose another place",
        "link/candidate": f"{tmp_path}/link is a file, wanted a directory; choose another place",
        ".": "not empty and no completed candidate; remove it or choose another directory",
    }.items():
        assert refused(tmp_path / name) == f"{tmp_path / name}: {said}"
    check_place(tmp_path / "new" / "er", "candidate")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "notes", "other", "set"]


def test_a_folder_that_may_not_be_written() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o555)
        user = os.geteuid()
        if not user:
            os.seteuid(65534)  # root may write all
        try:
            said = refused(folder / "new" / "er")
            with pytest.raises(ArtifactError) as same:
                check_writable(folder / "new" / "er")
        finally:
            os.seteuid(user)
        assert said == f"{folder}/new/er: {folder} may not be written to; choose another place"
        assert str(same.value) == said


def test_a_file_is_no_place_for_anything(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a.csv").write_text("")
    for path, said in {"a.csv": "a file", "a.csv/b": f"{tmp_path}/a.csv is a file"}.items():
        with pytest.raises(ArtifactError) as raised:
            check_writable(tmp_path / path)
        assert str(raised.value) == f"{tmp_path / path}: {said}, wanted a directory; choose another place"
    check_writable(tmp_path)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, FULL), "[Errno 28] No space left on device: '{}'"),
        (OSError(errno.ENOSPC, FULL, "/elsewhere"), "[Errno 28] No space left on device: '/elsewhere'"),
        (OnegraphError(f"the pipeline failed: OSError: {FULL}"), "[Errno 28] No space left on device: '{}'"),
        (RuntimeError(f"out/x.pb; {FULL}"), "[Errno 28] No space left on device: '{}'"),
        (InputError(f"a.csv: {FULL}"), f"a.csv: {FULL}"),
        (RuntimeError("no idea"), "no idea"),
        (KeyboardInterrupt(), ""),
    ],
)
def test_what_fails_leaves_nothing_and_a_full_disk_says_where(
    tmp_path: pathlib.Path, error: BaseException, said: str
) -> None:
    output = tmp_path / "out"

    def fail() -> None:
        with making(output, "candidate") as path:
            (path / "half").write_text("")
            raise error

    with pytest.raises(BaseException) as raised:  # noqa: PT011  its text is compared
        fail()
    assert str(raised.value) == said.format(output)
    assert not output.exists()


def test_a_copy_that_has_no_room_names_what_it_writes(tmp_path: pathlib.Path) -> None:
    (tmp_path / "from" / "deep").mkdir(parents=True)
    (tmp_path / "from" / "deep" / "large").write_bytes(bytes(9000))
    copy_folder(tmp_path / "from", tmp_path / "to")
    assert (tmp_path / "to" / "deep" / "large").read_bytes() == bytes(9000)
    with pytest.raises(OSError, match="large") as raised, no_file_grows_over(4096):
        copy_folder(tmp_path / "from", tmp_path / "other")
    assert (raised.value.errno, raised.value.filename) == (errno.EFBIG, str(tmp_path / "other" / "deep" / "large"))


def test_what_a_link_leads_to_is_empty_again(tmp_path: pathlib.Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    def fail() -> None:
        with making(tmp_path / "link", "candidate") as made:
            (made / "model").mkdir()
            (made / "file").write_text("")
            (made / "other").symlink_to(tmp_path)
            raise InputError("no")

    for _ in range(2):
        with pytest.raises(InputError):
            fail()
        assert not list((tmp_path / "real").iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]
