"""One part of many: which of what there is belongs to one machine of several."""

import re
from dataclasses import dataclass
from typing import Final
from zlib import crc32

FORM: Final = re.compile(r"([0-9]{1,9})?/([1-9][0-9]{0,8})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shard:
    """The `number`th of `count` parts, 1 to `count`: every key belongs to one of them, the same on every machine."""

    number: int = 1
    count: int = 1

    def holds(self, key: bytes) -> bool:
        """Whether `key` belongs to this part."""
        return self.count == 1 or crc32(key) % self.count == self.number - 1

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read `I/N`, as it is written.

        Raises:
            ValueError: `text` is not one of N parts.
        """
        form = FORM.fullmatch(text)
        if form is None or form[1] is None or not 1 <= int(form[1]) <= int(form[2]):
            raise ValueError("expected one of N parts, I/N")
        return cls(int(form[1]), int(form[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"
