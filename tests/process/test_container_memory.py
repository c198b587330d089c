"""The memory that a container leaves, read from files as the kernel writes them."""

import math

import pytest

from beam_jobs.process import container_memory

STAT = "anon 100\ninactive_file 30\nactive_file 20\ntotal_inactive_file 3\ntotal_active_file 2\n"
V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes")


def group(root, path, most, now, names=("memory.max", "memory.current")):
    folder = root / "sys" / "fs" / "cgroup" / path
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in zip(names, (most, now), strict=True):
        (folder / name).write_text(f"{value}\n")
    (folder / "memory.stat").write_text(STAT)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text("4:cpu,memory:/pod\n0::/a/b\n")
    return tmp_path


def test_the_narrowest_group_counts(root):
    assert container_memory.left(root) == math.inf
    group(root, "a/b", "max", 900)
    assert container_memory.left(root) == math.inf
    group(root, "a", 1000, 400)
    assert container_memory.left(root) == 1000 - 400 + 50
    group(root, "", 500, 400)
    assert container_memory.left(root) == 150
    group(root, "memory/pod", 100, 90, V1)
    assert container_memory.left(root) == 15
    group(root, "memory", 100, 200, V1)
    assert container_memory.left(root) == 0


def test_without_such_files_there_is_no_limit(tmp_path):
    assert container_memory.left(tmp_path) == math.inf


def test_of_this_machine_it_can_be_read():
    assert container_memory.left() > 0
