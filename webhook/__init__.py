"""An admission webhook that decides which OpenShift image stream tag may point where."""

from typing import Final

__version__: Final = "0.1.0"  # as in pyproject.toml: reading the installed metadata takes longer than a review
