"""The bytecode of a package's modules, for the embedded AWS, which unpacks a package anew for each server and each plan.

To compile there takes twice as long as the rest of a function's start. AWS runs another Python, and compiles by itself.
"""

from __future__ import annotations

import marshal
import sys
import warnings
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.util import MAGIC_NUMBER, source_hash
from pathlib import PurePosixPath


def compile_sources(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Give what this Python compiles sources to, by the names where it looks for that.

    The same sources give the same bytes within a process.
    """
    return {
        f"{path.parent}/__pycache__/{path.stem}.{sys.implementation.cache_tag}.pyc": compiled
        for path, source in ((PurePosixPath(name), source) for name, source in files.items())
        if path.suffix == ".py" and (compiled := _compile(path.name, source)) is not None
    }


@cache
def _compile(name: str, source: bytes) -> bytes | None:
    """Compile a module, to be taken without a look at its source (PEP 552). None where it is for another Python."""
    with warnings.catch_warnings(), suppress(SyntaxError):
        warnings.simplefilter("ignore")  # about libraries' sources, which their authors see
        code = marshal.dumps(compile(source, name, "exec", dont_inherit=True))
        return MAGIC_NUMBER + (1).to_bytes(4, "little") + source_hash(source) + code
    return None
