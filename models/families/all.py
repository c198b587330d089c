"""Every family, its library loaded: to be imported by a process before it is needed, so that no bundle waits for it."""

from collections.abc import Mapping

from models.families.choice import family_of
from models.families.family import Family
from models.spec import FAMILIES

LOADED: Mapping[str, Family] = {name: family_of(name) for name in FAMILIES}
