"""A file's bytes become documents, or faults with their lines."""

import re
from typing import Final

import orjson

from webhook.documents import json, yaml
from webhook.documents.document import Document
from webhook.errors import Fault

# An action of Go's text/template or of Jinja; `${{NAME}}` is a parameter of an OpenShift Template.
_ACTION: Final = re.compile(r"(?<!\$)\{\{(?!\{)[^{}\n]{0,400}\}\}")


def is_template(body: bytes) -> bool:
    """Return whether `body` holds template actions, such as `{{ .Release.Name }}`."""
    return has_action(body.decode(errors="replace"))


def has_action(text: str) -> bool:
    """Return whether `text` holds a template action."""
    return "{{" in text and _ACTION.search(text) is not None


def read(where: str, body: bytes) -> tuple[list[Document], list[Fault]]:
    """Read every document in `body`, and every fault that keeps one from being read.

    Args:
        where: the file's name, for the faults.
        body: YAML or, where it begins with a brace, JSON; in UTF-8.
    """
    try:
        text = body.decode("utf-8-sig")  # without the byte order mark that some editors write
    except UnicodeDecodeError as error:
        return [], [Fault(where, "", f"expected UTF-8: byte {error.start} is not")]
    documents, faults = (json if text.lstrip().startswith("{") else yaml).read(where, text)
    usable: list[Document] = []
    for document in documents:
        try:
            orjson.dumps(document.value)  # what we cannot write (a lone surrogate, too deep) cannot be recorded
        except orjson.JSONEncodeError as error:
            faults.append(document.fault("", f"cannot be written as JSON: {error}"))
        else:
            usable.append(document)
    return usable, faults
