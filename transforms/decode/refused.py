"""Why one record is rejected, raised where it is found."""

from schemas.rejection import Reason


class Refused(Exception):
    """Why the record is rejected; `path` is a JSON pointer to the field at fault, empty for the whole record."""

    def __init__(self, reason: Reason, path: str = ""):
        super().__init__(reason, path)
        self.reason = reason
        self.path = path
