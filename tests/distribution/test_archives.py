"""What the wheel and the source archive hold."""

import pathlib
import re
import tarfile
import zipfile

import pytest

from tests.support import wheel


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with the source archive and the wheel made from it."""
    return wheel.pack(tmp_path_factory.mktemp("packed"))


def test_the_wheel_holds_our_packages_and_their_data_and_nothing_else(packed: pathlib.Path) -> None:
    (path,) = packed.glob("onegraph-*.whl")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    held = {name for name in names if not re.match(r"onegraph-[^/]+\.dist-info/", name)}
    wanted = wheel.shipped()
    assert {f"beam_jobs/services/files/{name}" for name in ("kafka/pom.xml", "flink/ServerFactory.java")} <= wanted
    assert sorted(wanted - held) == [], "in no package of setup.py, or no package data"
    assert sorted(held - wanted) == []


def test_the_source_archive_that_beam_ships_to_workers_has_the_same(packed: pathlib.Path) -> None:
    (path,) = packed.glob("onegraph-*.tar.gz")
    with tarfile.open(path) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert sorted(wheel.shipped() - names) == []
