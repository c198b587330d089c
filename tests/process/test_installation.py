"""A checkout keeps what it fetches beside itself, an installed wheel in the user's cache folder."""

import importlib.metadata
import os
import pathlib
import subprocess
import sys

import pytest

from beam_jobs.process import installation


@pytest.fixture
def checkout(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "scripts").mkdir()
    for name in ("scripts/setup", "requirements.lock"):
        (tmp_path / name).touch()
    return tmp_path


def test_this_is_a_checkout() -> None:
    assert (installation.ROOT / "tests" / "process").samefile(pathlib.Path(__file__).parent)
    assert installation.in_checkout()
    assert installation.set_up() == "run scripts/setup"


def test_a_wheel_is_set_up_by_the_lock_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheel alone would have pip fetch what the lock leaves out."""
    monkeypatch.setattr(installation, "in_checkout", lambda: False)
    assert installation.set_up().startswith("install requirements.lock and then the wheel with `pip install --no-deps`")


def test_a_checkout_keeps_it_beside_itself_and_is_on_the_path_of_children(
    checkout: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert installation.fetched(checkout) == checkout / ".onegraph"
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    assert installation.child_environment(checkout)["PYTHONPATH"] == f"{checkout}:/elsewhere"


def test_a_wheel_keeps_it_in_the_user_s_cache_folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = tmp_path / "site-packages"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for value, wanted in {
        str(tmp_path / "cache"): tmp_path / "cache",
        "relative": tmp_path / "home" / ".cache",
        "": tmp_path / "home" / ".cache",
    }.items():
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        assert installation.fetched(packages) == wanted / "onegraph" / importlib.metadata.version("onegraph")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert installation.child_environment(packages)["PYTHONPATH"] == ""


def test_what_lies_in_the_folder_of_the_command_is_not_imported_in_ours_place(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text("raise SystemExit('another one')")
    monkeypatch.chdir(tmp_path)
    environment = os.environ | installation.child_environment()
    done = subprocess.run([sys.executable, "-m", "models.spec"], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_environment_in_a_checkout_is_none(checkout: pathlib.Path) -> None:
    packages = checkout / ".venv" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    assert not installation.in_checkout(packages)
