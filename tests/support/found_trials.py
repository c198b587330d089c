"""What `trials.json` of a search holds, made up."""

import random
from typing import Any

SPACE: dict[str, dict[str, Any]] = {
    "max_depth": {"is": "whole", "low": 2, "high": 10, "log": False, "step": 1},
    "eta": {"is": "real", "low": 0.001, "high": 0.3, "log": True},
    "grow_policy": {"is": "choice", "options": ["depthwise", "<b>lossguide</b>"]},
    "a_parameter_with_a_name_that_is_very_long": {"is": "real", "low": 0, "high": 1, "log": False},
}


def found_trials(count: int) -> dict[str, Any]:
    """Return a search of so many trials, every fifth pruned, every seventh failed."""
    drawn, trials = random.Random(0), []
    for number in range(count):
        state = "failed" if number % 7 == 6 else "pruned" if number % 5 == 4 else "complete"
        eta = 0.001 * 300 ** drawn.random()
        trials.append(
            {
                "number": number,
                "state": state,
                "parameters": {
                    "max_depth": drawn.randint(2, 10),
                    "eta": eta,
                    "grow_policy": drawn.choice(["depthwise", "<b>lossguide</b>"]),
                    "a_parameter_with_a_name_that_is_very_long": drawn.random(),
                },
                "value": 0.7 + eta + drawn.random() / 100 if state == "complete" else None,
                "metrics": {},
                "rounds": None if state == "failed" else 100 + number,
                "seconds": drawn.random() * 9,
                "reason": "its process was ended by signal SIGKILL <i>" if state == "failed" else None,
            }
        )
    return {
        "metric": "auc",
        "direction": "maximize",
        "sampler": "tpe",
        "pruner": "median",
        "seed": 3,
        "space": SPACE,
        "own_parameters_first": True,
        "importance": {"eta": 0.8, "max_depth": 0.15, "grow_policy": 0.05} if count > 3 else {},
        "trials": trials,
    }
