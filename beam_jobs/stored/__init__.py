"""Files of a run's output, on a disk or at an address of one of Beam's filesystems. Imports: process, schemas."""
