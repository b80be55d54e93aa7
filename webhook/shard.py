"""One part of many: which of what there is belongs to one machine of several."""

from dataclasses import dataclass
from zlib import crc32


@dataclass(frozen=True, slots=True)
class Shard:
    """The `number`th of `count` parts, 1 to `count`: every key belongs to one of them, the same on every machine."""

    number: int = 1
    count: int = 1

    def holds(self, key: bytes) -> bool:
        """Whether `key` belongs to this part."""
        return self.count == 1 or crc32(key) % self.count == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"
