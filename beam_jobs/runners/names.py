"""The names of runners: ours and Beam's. Imports no Beam, so that a wrong one is refused at once."""

import difflib

from schemas.errors import UsageError

FLINK, PRISM, DATAFLOW, LOCAL = "FlinkRunner", "PrismRunner", "DataflowRunner", "FnApiRunner"
OURS = {"local": LOCAL, "prism": PRISM, "flink": FLINK, "dataflow": DATAFLOW}

_BEAMS = ("DirectRunner", "PortableRunner", "SwitchingDirectRunner", *OURS.values())


def beams_name(name: str) -> str:
    """Return Beam's name of a runner by our name or Beam's; raises `UsageError` for one that does not exist.

    >>> beams_name("flink"), beams_name("directrunner")
    ('FlinkRunner', 'DirectRunner')
    """
    known = OURS | {beams.lower(): beams for beams in _BEAMS}
    if name.lower() in known:
        return known[name.lower()]
    near = difflib.get_close_matches(name.lower(), known, n=1)
    meant = f", did you mean {near[0] if near[0] in OURS else known[near[0]]}?" if near else ""
    raise UsageError(f"--runner {name}: no such runner{meant or '; known: ' + ', '.join([*OURS, *_BEAMS])}")
