"""`python -m beam_jobs VERB`, the same as `onegraph VERB`. Holds nothing else: workers never unpickle `__main__`."""

import sys

from beam_jobs.cli.command_line import main

if __name__ == "__main__":
    sys.exit(main())
