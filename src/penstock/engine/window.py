"""A window over a file's blocks: the bytes that are there and not yet taken, and where in the file they are."""

from __future__ import annotations

from collections.abc import Iterable


class Window:
    """The bytes from the first one not yet taken to the last one read.

    ``data`` is never changed in place: whoever keeps it keeps those bytes. ``pos`` is the first byte not yet taken.
    """

    def __init__(self, blocks: Iterable[bytes], base: int = 0) -> None:
        self._blocks = iter(blocks)
        self.data = b""
        self.pos = 0
        self.base = base
        self.at_end = False

    @property
    def offset(self) -> int:
        """The place of ``pos`` in the file, in bytes from its start."""
        return self.base + self.pos

    @property
    def left(self) -> int:
        """How many bytes are there and not yet taken."""
        return len(self.data) - self.pos

    def fill(self) -> bool:
        """Read on, dropping what was taken; tell whether anything came of it: bytes, or that the file ends here.

        It reads at least as many bytes as are left, so that a long record in small blocks is copied, and looked at, a
        few times and not once a block.
        """
        if self.at_end:
            return False
        pieces = [self.data[self.pos :]]
        wanted = max(1, self.left)
        self.base += self.pos
        self.data, self.pos = b"", 0  # not kept while the next bytes are read
        while wanted > 0:
            block = next(self._blocks, None)
            if block is None:
                self.at_end = True
                break
            pieces.append(block)
            wanted -= len(block)
        self.data = b"".join(pieces)
        return True
