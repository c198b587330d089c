"""One Beam worker process of `worker_processes`: `python -m beam_jobs.flink_worker CONTROL_ENDPOINT WORKER_ID`.

It has no pipeline options, as every worker of an EXTERNAL environment; DoFns bring what they need.
"""

import logging
import os
import sys
import threading

from apache_beam.runners.worker.sdk_worker import SdkHarness

from beam_jobs import logs
from beam_jobs.state_sampling import short_sampling

_STATE_CACHE_BYTES = 64 << 20


def main(control_endpoint: str, worker_id: str) -> None:
    """Work for the runner until it hangs up."""
    with short_sampling():
        SdkHarness(control_endpoint, worker_id=worker_id, state_cache_size=_STATE_CACHE_BYTES).run()


def _end_with_the_pool() -> None:
    os.read(0, 1)
    os._exit(1)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format=f"%(asctime)s %(levelname)s {sys.argv[2]} %(name)s: %(message)s")
    if os.environ.get("ONEGRAPH_LOG_FORMAT") == logs.JSON:
        logging.getLogger().handlers.clear()
        logs.set_up(logs.JSON, sys.argv[2])
    threading.Thread(target=_end_with_the_pool, daemon=True).start()
    main(sys.argv[1], sys.argv[2])
    os._exit(0)  # threads of the library's pool would hold the interpreter
