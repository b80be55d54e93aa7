"""Files of YAML and JSON as plain values that know on which line each of them stands."""

from webhook.documents.document import Document
from webhook.documents.reading import read

__all__ = ["Document", "read"]
