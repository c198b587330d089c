"""What each path made of the same raw records, and how they differ.

Imports: kafka, kafka.libraries, kafka.topics, models, raw_files, schemas, transforms.
"""
