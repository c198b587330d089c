"""What the stream's steps share: the job, events, rejected records, measuring, holding.

Imports: kafka, kafka.groups, kafka.topics, monitoring, process, schemas, transforms.
"""
