"""One Beam worker process of `worker_processes`, which `fork_server` has forked.

It has no pipeline options, as every worker of an EXTERNAL environment; DoFns bring what they need.
"""

import logging
import os
import threading

from apache_beam.runners.worker.sdk_worker import SdkHarness

from beam_jobs.cli import logs
from beam_jobs.runners.patches import early_data_connection
from beam_jobs.runners.patches.state_sampling import short_sampling

_STATE_CACHE_BYTES = 64 << 20


def main(control_endpoint: str, worker_id: str) -> None:
    """Work for the runner until it closes the connection; the process ends when its standard input does."""
    form = f"%(asctime)s %(levelname)s {worker_id} %(name)s: %(message)s"
    logging.basicConfig(level=logging.WARNING, format=form, force=True)
    if os.environ.get("ONEGRAPH_LOG_FORMAT") == logs.JSON:
        logging.getLogger().handlers.clear()
        logs.set_up(logs.JSON, worker_id)
    threading.Thread(target=_end_with_pool, daemon=True).start()
    early_data_connection.install()
    with short_sampling():
        SdkHarness(control_endpoint, worker_id=worker_id, state_cache_size=_STATE_CACHE_BYTES).run()


def _end_with_pool() -> None:
    os.read(0, 1)
    os._exit(1)
