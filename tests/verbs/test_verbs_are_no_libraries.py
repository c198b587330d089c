"""A verb wires and is no library: what two verbs share stands in a room, and a verb runs another by `run_verb`."""

import ast
import pathlib

import beam_jobs.verbs

VERBS = pathlib.Path(beam_jobs.verbs.__file__).parent
PACKAGE = beam_jobs.verbs.__name__


def verbs_imported(source: str) -> set[str]:
    """Return the modules below `beam_jobs.verbs` that a source names in an import, wherever it stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.startswith(f"{PACKAGE}.")}


def test_imports_of_every_form_are_found() -> None:
    assert verbs_imported("from beam_jobs.verbs import send") == {"beam_jobs.verbs.send"}
    assert verbs_imported("def f():\n    from beam_jobs.verbs.send import run") == {"beam_jobs.verbs.send.run"}
    assert verbs_imported("import beam_jobs.verbs.stop as s\nimport beam_jobs.batch.spool") == {"beam_jobs.verbs.stop"}


def test_nothing_of_ours_imports_a_verb() -> None:
    product = VERBS.parent
    assert product.name == "beam_jobs"
    found = {
        path.relative_to(product).as_posix(): names
        for path in sorted(product.rglob("*.py"))
        if (names := verbs_imported(path.read_text()))
    }
    assert found == {}
