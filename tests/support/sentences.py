"""The sentences that several tests expect, each written once."""

from typing import Final

INSECURE_IMPORT: Final = "an insecure import is not allowed; expected insecure: false"
UNREADABLE: Final = "cannot be read: No such file or directory"
LOWERCASE: Final = "repository name must be lowercase"
TAG_FORM: Final = "must be of the form <tag>, <repo>:<tag>, <id>, or <repo>@<id>"
OTHER_DENIED: Final = "another webhook denied the request: "
