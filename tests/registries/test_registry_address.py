"""A registry at an address can be read and not written."""

import os

import pytest

from beam_jobs.registries import registry_address
from schemas.errors import UsageError


def test_a_path_is_absolute_from_here_and_an_address_as_it_is() -> None:
    assert registry_address.absolute("work/registry") == os.path.abspath("work/registry")
    assert registry_address.absolute("gs://models/registry/") == "gs://models/registry"


def test_only_a_path_is_written_to() -> None:
    registry_address.check_writable("work/registry")
    with pytest.raises(UsageError, match="gs://models/registry: a registry at an address can be read but not written"):
        registry_address.check_writable("gs://models/registry")
