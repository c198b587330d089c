"""Following docs/models.md by the letter works, and so does every Python snippet of the pages below it."""

import pathlib
import re

import pytest

from models.registry.registry import Registry
from models.spec import ModelSpec
from tests.support.documents import TrainingSets, commands, run

ROOT = pathlib.Path(__file__).parents[2]
PAGE = ROOT / "docs" / "models.md"
PAGES = (PAGE, *sorted((ROOT / "docs" / "models").glob("*.md")))
SNIPPETS = [(page.name, code) for page in PAGES for code in re.findall(r"```python\n(.*?)```", page.read_text(), re.S)]
NO_PORT = 0


@pytest.mark.needs_time
@pytest.mark.timeout(600)
def test_page_works_as_written(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "schemas").symlink_to(ROOT / "schemas")
    found = commands(PAGE.read_text())
    assert len(found) > 10
    for command in found:
        if "BUNDLE_ID" in command.text:
            challenger = Registry(tmp_path / "registry").released().variants.challengers[0].bundle
            command = command._replace(text=command.text.replace("BUNDLE_ID", challenger))
        run(command, NO_PORT, TrainingSets(tmp_path / "sets"))
    assert (tmp_path / "candidate.html").is_file()


@pytest.mark.parametrize(("page", "code"), SNIPPETS)
def test_every_snippet_makes_a_spec(page: str, code: str) -> None:
    names: dict[str, object] = {}
    exec(compile(code, page, "exec"), names)
    assert isinstance(names["MODEL"], ModelSpec)


def test_every_page_is_listed() -> None:
    listed = set(re.findall(r"\(models/(\w+\.md)\)", PAGE.read_text()))
    assert listed == {page.name for page in PAGES[1:]}
