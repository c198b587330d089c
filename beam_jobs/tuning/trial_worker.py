"""The far end of `trial_workers`: a process that makes one trial after the other, on splits that it maps.

`python -m beam_jobs.tuning.trial_worker FD`. It hears what all trials share, says that it is ready, then makes trials
until the channel closes. It ends with the process that asked, however that ends; if memory runs out, it goes first.
"""

import contextlib
import pathlib
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any

import pyarrow as pa

from beam_jobs.tuning.trial_words import Failed, Look, NoRoom, Ready, Shared, Succeeded, TrialAsked
from models.evaluation.evaluation import NO_COLUMNS
from models.families.family import Split
from models.isolation.trial_child import end_with_parent
from models.measures.own_metrics import with_functions
from models.spec import ModelSpec
from models.spec_json import spec_from_json
from models.tuning.kept_splits import kept, kept_rows
from models.tuning.space import of_trial
from models.tuning.trial import run_trial
from models.use_case import find_model
from models.use_case_files import files_of
from schemas.errors import OnegraphError


def main(descriptor: int) -> None:
    """Serve the other end of a channel."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asked, which ends this one
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")
    channel: Connection = Connection(descriptor)
    threading.Thread(target=end_with_parent, args=(descriptor,), daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        shared: Shared = channel.recv()
        spec, columns = _spec(shared), NO_COLUMNS if shared.metric_rows is None else kept_rows(shared.metric_rows)
        rows = kept(shared.train), kept(shared.evaluation), columns
        channel.send(Ready())
        while True:
            asked: TrialAsked = channel.recv()
            channel.send(_made(channel, shared, of_trial(spec, asked.parameters), rows))


def _spec(shared: Shared) -> ModelSpec:
    """Return the spec; only a use case's file has the functions of its own metrics."""
    spec = spec_from_json(shared.spec, "the search")
    if not spec.metrics:
        return spec
    own = find_model(shared.use_case, shared.use_case_path).metrics
    return with_functions(spec, own, str(files_of(shared.use_case, shared.use_case_path).model))


def _made(channel: Connection, shared: Shared, spec: ModelSpec, rows: tuple[Split, Split, pa.RecordBatch]) -> Any:
    begin = time.monotonic()

    def hopeless(rounds: int, value: float) -> bool:
        channel.send(Look(rounds, value))
        return channel.recv()

    folder = pathlib.Path(tempfile.mkdtemp(prefix="trial-", dir=shared.folder))
    try:
        found = run_trial(spec, shared.columns, *rows, shared.metric, folder, hopeless)
    except OnegraphError as error:
        return Failed(f"{error}", "", time.monotonic() - begin)
    except OSError as error:
        if error.errno is None:
            raise
        return NoRoom(error.errno, str(error.filename or shared.folder))
    except MemoryError:
        return Failed("the machine had no memory for it", "", time.monotonic() - begin)
    except Exception as error:  # its text may quote what no report may have
        return Failed(f"ended in {type(error).__name__}", traceback.format_exc(), time.monotonic() - begin)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Succeeded(found, time.monotonic() - begin)


if __name__ == "__main__":
    main(int(sys.argv[1]))
