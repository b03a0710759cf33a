"""A compressed object, unpacked once into plain parts in its run's folder, so that workers can begin anywhere in it.

The parts are of one size, but for the last, so that an offset tells its part. They hold the object's uncompressed bytes
and nothing else: offsets and lines are those of the object, and so is what expressions see of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from penstock.errors import ServiceError
from penstock.load.blocks import cut_blocks
from penstock.load.protocols import ObjectSource
from penstock.load.steps.folder import Folder

PART_BYTES: Final = 8 << 20
_STATE: Final = "unpacked.json"


@dataclass(frozen=True, slots=True)
class Unpacked:
    """How many bytes there are, and how many in a part."""

    size: int
    part_bytes: int


def unpack_object(
    folder: Folder, source: ObjectSource, stop: Callable[[], bool], part_bytes: int = PART_BYTES
) -> bool:
    """Unpack an object into the folder, until all is there or ``stop()``; tell whether all is.

    Parts that are there are not written again. Raises :class:`~penstock.errors.ServiceError` where an invocation got
    no further than the last one, and what reading the source raises.
    """
    if folder.read(Unpacked, _STATE) is not None:
        return True
    there = {name for name, size in folder.list_sizes("unpacked/").items() if size == part_bytes}
    written = size = 0
    for number, block in enumerate(source.blocks(part_bytes)):
        name = _name(number)
        if name not in there:
            folder.put(name, block)
            written += 1
        size += len(block)
        if stop():
            if written == 0:
                raise ServiceError(
                    f"{source.key} takes longer to unpack than the function has. Give the function more time or memory, or "
                    "send the file in parts, or unpacked."
                )
            return False
    folder.write(_STATE, Unpacked(size, part_bytes))
    return True


@dataclass(frozen=True)
class UnpackedSource:
    """An object that was unpacked; see :class:`~penstock.load.protocols.ObjectSource`. ``packed`` is the object itself."""

    folder: Folder
    packed: ObjectSource
    unpacked: Unpacked

    @property
    def key(self) -> str:
        return self.packed.key

    @property
    def last_modified(self) -> str:
        return self.packed.last_modified

    def blocks(self, size: int, start: int = 0) -> Iterator[bytes]:
        """Give the uncompressed bytes from ``start`` on, in blocks of ``size``."""
        return cut_blocks(self._pieces(start), size)

    def _pieces(self, start: int) -> Iterator[bytes]:
        while start < self.unpacked.size:
            number, skip = divmod(start, self.unpacked.part_bytes)
            piece = self.folder.get(_name(number))[skip:]
            yield piece
            start += len(piece)


def open_unpacked(folder: Folder, packed: ObjectSource) -> UnpackedSource:
    """Give an object that :func:`unpack_object` has finished with."""
    found = folder.read(Unpacked, _STATE)
    if found is None:
        raise ServiceError(f"{packed.key} is not unpacked yet. Start the load again.")
    return UnpackedSource(folder, packed, found)


def _name(number: int) -> str:
    return f"unpacked/{number:06d}"
