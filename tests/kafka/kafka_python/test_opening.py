"""A client of kafka-python is opened with the library's mistakes mended, in whatever process."""

import subprocess
import sys


def test_the_first_client_of_a_process_has_the_library_mended() -> None:
    program = (
        "from kafka.record import memory_records as found\n"
        "from beam_jobs.kafka.kafka_python import decoding, opening\n"
        "from schemas.errors import ServiceError\n"
        "assert found.DefaultRecordBatch is not decoding.Batch\n"
        "try: opening.connect(dict, '127.0.0.1:1', connect_s=0.1)\n"
        "except ServiceError: pass\n"
        "assert found.DefaultRecordBatch is decoding.Batch\n"
        "assert found.LegacyRecordBatch is decoding.OldBatch\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
