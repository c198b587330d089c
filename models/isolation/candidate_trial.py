"""What is tried of a candidate before a process of ours makes a bundle of it; runs in the child of `trial`.

The process that asks for it imports this and nothing heavy.
"""

import pathlib


def try_candidate(candidate: str | pathlib.Path, folder: str) -> None:
    """Make a bundle of an evaluated candidate in a folder, which the caller removes; raises as `write_bundle` does."""
    from models.registry.bundle import write_bundle  # TensorFlow and the family's library, in the child alone

    write_bundle(candidate, folder)
