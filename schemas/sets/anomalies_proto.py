"""The anomalies of a set as tensorflow_metadata has them, for the field's own tools."""

from collections.abc import Iterable

from tensorflow_metadata.proto.v0 import anomalies_pb2, path_pb2, schema_pb2

from schemas.sets.anomaly import ERROR, WARNING, Anomaly, ordered

_SEVERITIES = {ERROR: anomalies_pb2.AnomalyInfo.ERROR, WARNING: anomalies_pb2.AnomalyInfo.WARNING}


def to_proto(found: Iterable[Anomaly], schema: schema_pb2.Schema) -> anomalies_pb2.Anomalies:
    """Return all of a set as the field's tools have them: one entry per column, with a reason for each anomaly.

    `schema` is what the set was compared with.
    """
    proto = anomalies_pb2.Anomalies()
    proto.baseline.CopyFrom(schema)
    for anomaly in ordered(found):
        if anomaly.column:
            info = proto.anomaly_info[anomaly.column]
            info.path.CopyFrom(path_pb2.Path(step=[anomaly.column]))
        else:
            info = proto.dataset_anomaly_info
        kind = anomalies_pb2.AnomalyInfo.Type.Value(anomaly.type)
        info.reason.add(type=kind, short_description=anomaly.limit, description=str(anomaly))
        info.severity = max(info.severity, _SEVERITIES[anomaly.severity])
        info.short_description = info.reason[0].short_description if len(info.reason) == 1 else "Multiple errors"
        info.description = " ".join(reason.description for reason in info.reason)
    return proto
