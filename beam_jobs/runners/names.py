"""The names of runners: ours and Beam's. Imports no Beam, so that a wrong one is refused at once."""

from schemas.errors import UsageError
from schemas.nearest import did_you_mean

FLINK, PRISM, DATAFLOW, LOCAL = "FlinkRunner", "PrismRunner", "DataflowRunner", "FnApiRunner"
OURS = {"local": LOCAL, "prism": PRISM, "flink": FLINK, "dataflow": DATAFLOW}

_BEAMS = ("DirectRunner", "PortableRunner", "SwitchingDirectRunner", *OURS.values())


_IN_THIS_PROCESS = (LOCAL, "DirectRunner", "SwitchingDirectRunner", PRISM)


def in_this_process(name: str) -> bool:
    """Say whether a runner's workers are threads of this process; raises `UsageError` for one that does not exist.

    >>> in_this_process("prism"), in_this_process("FnApiRunner"), in_this_process("flink")
    (True, True, False)
    """
    return beams_name(name) in _IN_THIS_PROCESS


def beams_name(name: str) -> str:
    """Return Beam's name of a runner by our name or Beam's; raises `UsageError` for one that does not exist.

    >>> beams_name("flink"), beams_name("directrunner")
    ('FlinkRunner', 'DirectRunner')
    """
    known = OURS | {beams.lower(): beams for beams in _BEAMS}
    if name.lower() in known:
        return known[name.lower()]
    meant = did_you_mean(name, [*_BEAMS, *OURS])
    raise UsageError(f"--runner {name}: no such runner{meant or '; known: ' + ', '.join([*OURS, *_BEAMS])}")
