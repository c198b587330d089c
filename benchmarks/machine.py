"""Where the figures of a benchmark come from."""

import os
import platform
import timeit


def machine() -> dict[str, object]:
    """Describe this machine; `loop_ms`, of 20,000 additions, is how fast its cores are just now."""
    loop_s = min(timeit.repeat("for number in range(20_000): x += number", "x = 0", number=1, repeat=5))
    return {
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "loop_ms": round(loop_s * 1e3, 2),
    }
