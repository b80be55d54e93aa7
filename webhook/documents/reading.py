"""Parses the bytes of a file into documents, or faults with their lines."""

import re
from typing import Final

import orjson

from webhook.documents import json, yaml
from webhook.documents.document import Document
from webhook.errors import Fault

# An action of Go's text/template or of Jinja; `${{NAME}}` is a parameter of an OpenShift Template.
_ACTION: Final = re.compile(r"(?<!\$)\{\{(?!\{)[^{}\n]{0,400}\}\}")


def is_template(body: bytes) -> bool:
    """Return whether `body` contains template actions, such as `{{ .Release.Name }}`."""
    return has_action(body.decode(errors="replace"))


def has_action(text: str) -> bool:
    """Return whether `text` contains a template action."""
    return "{{" in text and _ACTION.search(text) is not None


def read(where: str, body: bytes) -> tuple[list[Document], list[Fault]]:
    """Read all documents in `body`, and the faults of those that cannot be read.

    Args:
        where: the file name, for faults.
        body: UTF-8 text; JSON if it begins with a brace, else YAML.
    """
    try:
        text = body.decode("utf-8-sig")  # without the byte order mark that some editors write
    except UnicodeDecodeError as error:
        return [], [Fault(where, "", f"expected UTF-8; byte {error.start} is invalid")]
    documents, faults = (json if text.lstrip().startswith("{") else yaml).read(where, text)
    usable: list[Document] = []
    for document in documents:
        try:
            orjson.dumps(document.value)  # a record must be able to hold the value; lone surrogates cannot be written
        except orjson.JSONEncodeError as error:
            faults.append(document.fault("", f"cannot be written as JSON: {error}"))
        else:
            usable.append(document)
    return usable, faults
