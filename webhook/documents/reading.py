"""A file's bytes become documents, or faults with their lines."""

import orjson

from webhook.documents import json, yaml
from webhook.documents.document import Document
from webhook.errors import Fault


def read(where: str, body: bytes) -> tuple[list[Document], list[Fault]]:
    """Read every document in `body`, and every fault that keeps one from being read.

    Args:
        where: the file's name, for the faults.
        body: YAML or, where it begins with a brace, JSON; in UTF-8.
    """
    try:
        text = decoded(body)
    except UnicodeDecodeError as error:
        return [], [Fault(where, "", f"expected UTF-8: byte {error.start} is not")]
    documents, faults = (json if text.lstrip().startswith("{") else yaml).read(where, text)
    usable: list[Document] = []
    for document in documents:
        try:
            orjson.dumps(document.value)
        except (
            orjson.JSONEncodeError
        ) as error:  # a lone surrogate, or too deep: what we cannot write cannot be recorded
            faults.append(Fault(f"{where}:{document.line('')}", "", f"cannot be written as JSON: {error}"))
        else:
            usable.append(document)
    return usable, faults


def decoded(body: bytes) -> str:
    """Return UTF-8 as text, without the byte order mark that some editors write.

    Raises:
        UnicodeDecodeError: it is something else.
    """
    return body.decode("utf-8-sig")
