"""The door to verbs: settings find their verb, native libraries' greetings are held back."""

import importlib
import logging
import os
import pathlib
import sys
import threading
import time

import pytest

from beam_jobs.cli import settings
from beam_jobs.cli.command_line import main
from beam_jobs.cli.options import fields
from beam_jobs.cli.verbs import import_quietly, run_verb
from schemas.errors import InputError, UsageError


def test_settings_run_their_verb(built: pathlib.Path) -> None:
    result = run_verb(settings.Inspect(path=str(built)))
    assert (result["kind"], result["use_case"]) == ("training_set", "taxi")


def test_what_a_verb_raises_comes_out(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InputError, match="no such file or directory"):
        run_verb(settings.Inspect(path=str(tmp_path / "nothing")))


def test_what_is_of_no_verb_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^Broker: not the settings of a verb"):
        run_verb(settings.Broker())


@pytest.mark.parametrize("verb", settings.VERBS)
def test_settings_of_every_verb_are_found_where_the_documents_say(verb: str) -> None:
    found = settings.VERBS[verb]
    assert getattr(settings, found.__name__) is found
    assert fields(found)


def test_what_settings_alone_show_is_refused_before_the_module_is_imported(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UsageError, match=r"^--limit is 0, wanted 1 or more$"):
        run_verb(settings.Inspect(path=str(tmp_path / "nothing"), limit=0))


NOISY = "import os, time\n{before}os.write(2, b'I0000 00:00:1 1 port.cc:153] hello\\nW0000 something is wrong\\n')\n"


def test_who_wants_to_see_all_sees_greetings_too_wherever_they_are_imported(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "noisy_verb_in_full.py").write_text(NOISY.format(before=""))
    monkeypatch.syspath_prepend(tmp_path)
    before = logging.getLogger().level
    try:
        assert main(["inspect", str(tmp_path), "-v"]) == 1
        import_quietly("noisy_verb_in_full")
    finally:
        logging.getLogger().setLevel(before)
    assert "hello\nW0000" in capfd.readouterr().err


def test_two_threads_hold_standard_error_back_one_after_the_other(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Else the second one would take the first one's file for standard error, and give that back."""
    for name, before in {"noisy_a": "time.sleep(0.2)\n", "noisy_b": "time.sleep(0.4)\n"}.items():
        (tmp_path / f"{name}.py").write_text(NOISY.format(before=before))
    monkeypatch.syspath_prepend(tmp_path)
    threads = [threading.Thread(target=import_quietly, args=(name,)) for name in ("noisy_a", "noisy_b")]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    os.write(2, b"still here\n")
    assert capfd.readouterr().err == "W0000 something is wrong\n" * 2 + "still here\n"


def test_greetings_of_native_libraries_are_held_back_and_nothing_else(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "noisy_verb.py").write_text(
        "import os\nos.write(2, b'I0000 00:00:1 1 port.cc:153] hello\\nW0000 something is wrong\\n')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import_quietly("noisy_verb")
    assert capfd.readouterr().err == "W0000 something is wrong\n"
    os.write(2, b"still here\n")
    assert capfd.readouterr().err == "still here\n"
    del sys.modules["noisy_verb"]
    importlib.import_module("noisy_verb")
    assert "hello" in capfd.readouterr().err
