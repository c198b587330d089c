"""What the verbs that write a generation tell of it, and of who wrote it when."""

import datetime

from beam_jobs.registries import written_generation
from models.registry.registry import Registry


def test_a_generation_as_a_result_and_for_people(registry) -> None:
    pointer = Registry(registry).released()
    result = written_generation.generation(pointer, "r")
    assert (result["registry"], result["generation"], result["champion"]) == ("r", 1, pointer.champion)
    assert written_generation.generation_text(result) == f"r: generation 1, champion {pointer.champion}"


def test_who_and_when() -> None:
    assert written_generation.who()
    when = datetime.datetime.fromisoformat(written_generation.now())
    assert abs(datetime.datetime.now(datetime.UTC) - when) < datetime.timedelta(minutes=1)
