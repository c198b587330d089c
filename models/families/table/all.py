"""Every family, and what it scores with: to be imported by a process beforehand, so that no bundle waits for them."""

import importlib
from collections.abc import Mapping

from models.families.family import Family
from models.families.table.choice import THAT_SCORE, family_of
from models.spec import FAMILIES

LOADED: Mapping[str, Family] = {name: family_of(name) for name in FAMILIES}
_SCORE = [importlib.import_module(module) for module in THAT_SCORE.values()]
