"""The four variables that say which worker of how many a training is, and where they meet.

They are those that Kubeflow's trainer sets for its XGBoost runtime, so that a TrainJob needs no glue, and those that
`--workers` sets on one machine. https://www.kubeflow.org/docs/components/trainer/user-guides/xgboost/
"""

from collections.abc import Mapping

from models.families.team import ALONE, Team
from schemas.errors import UsageError

HOST, PORT, NUMBER, WORKERS = "DMLC_TRACKER_URI", "DMLC_TRACKER_PORT", "DMLC_TASK_ID", "DMLC_NUM_WORKER"
_NAMES = (HOST, PORT, NUMBER, WORKERS)
_LARGEST_PORT, _MOST_WORKERS = 65_535, 100_000


def team_of(environment: Mapping[str, str]) -> Team:
    """Return the team that an environment says this process is of; raises `UsageError` for half of it, or nonsense.

    >>> team_of({}).workers
    1
    >>> team_of({HOST: "worker-0", PORT: "9091", NUMBER: "1", WORKERS: "4"})
    Team(rank=1, workers=4, host='worker-0', port=9091, patience_s=600.0)
    """
    given = {name: environment[name] for name in _NAMES if environment.get(name)}
    if not given:
        return ALONE
    missing = [name for name in _NAMES if name not in given]
    if missing:
        raise UsageError(f"{', '.join(missing)}: not set, though {next(iter(given))} is; set all four, or none")
    workers = _number(WORKERS, given[WORKERS], 1, _MOST_WORKERS)
    rank = _number(NUMBER, given[NUMBER], 0, workers - 1)
    port = _number(PORT, given[PORT], 1, _LARGEST_PORT)
    return ALONE if workers == 1 else Team(rank, workers, given[HOST], port)


def variables(team: Team) -> dict[str, str]:
    """Return the variables of a worker."""
    return dict(zip(_NAMES, (team.host, str(team.port), str(team.rank), str(team.workers)), strict=True))


def _number(name: str, text: str, least: int, most: int) -> int:
    if not text.isascii() or not text.isdecimal() or not least <= int(text) <= most:
        raise UsageError(f"{name} is {text[:20]!r}, wanted a whole number from {least} to {most}")
    return int(text)
