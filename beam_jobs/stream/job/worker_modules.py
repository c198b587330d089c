"""What Flink's workers import before a streaming job comes, so that each of them starts in a fraction of a second.

Names only: who starts a pool of workers hands them to it, and need not import them.
"""

WORKER_MODULES = ("beam_jobs.stream.job.pipeline", "models.families.table.all")
