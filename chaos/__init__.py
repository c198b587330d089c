"""Faults against the running stream and the proof that nothing came of them: `python -m chaos`."""
