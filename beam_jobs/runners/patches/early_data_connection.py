"""When a Beam worker opens its data connection: before it sets its DoFns up, so that failures there are known soon."""

from apache_beam.portability.api import beam_fn_api_pb2
from apache_beam.runners.worker.bundle_processor import DATA_INPUT_URN, DATA_OUTPUT_URN, BundleProcessor
from apache_beam.runners.worker.sdk_worker import BundleProcessorCache

_get = BundleProcessorCache.get


def install() -> None:
    """Have the workers of this process connect to their runner's data service before any set-up.

    Beam connects when the first bundle begins, which is behind the set-up of the DoFns. If one of these fails, a
    TaskManager of Flink gets the error, and still waits three minutes for the connection; then it reports the timeout,
    and only then the job can start anew. A runner that names streams of data, as Flink's does not, would go on
    waiting for the stream.
    """
    BundleProcessorCache.get = _connect_and_get  # type: ignore[method-assign, assignment]


def _connect_and_get(cache: BundleProcessorCache, instruction_id: str, bundle_descriptor_id: str) -> BundleProcessor:
    for step in cache.fns[bundle_descriptor_id].transforms.values():
        if step.spec.urn in (DATA_INPUT_URN, DATA_OUTPUT_URN):
            port = beam_fn_api_pb2.RemoteGrpcPort.FromString(step.spec.payload)
            cache.data_channel_factory.create_data_channel(port)
    return _get(cache, instruction_id, bundle_descriptor_id)
