"""Build the function's package: Penstock's own rooms, the plans, and the libraries, in one reproducible zip.

The libraries, which seldom change, are packed once per set of versions and target; the package is that zip with
Penstock and the plans added. Both are kept in a cache under a hash of all that goes into them, so that a second deploy
of the same project packs nothing. The same inputs give the same bytes: names are sorted and times fixed. For the
embedded AWS alone there is bytecode too, of which that is true within a process.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from penstock.errors import UsageError
from penstock.stack import archive, bytecode
from penstock.stack.archive import add_files, digest_parts, forget_old, read_rooms, written_whole
from penstock.stack.bytecode import compile_sources
from penstock.stack.target import Target
from penstock.stack.wheels import Platform, fetch_wheels, read_pins

Progress = Callable[[str], None]

ROOMS: Final = ("errors", "verdicts", "metrics", "plan", "engine", "load", "aws")
MAX_ZIPPED: Final = 50 * 1024 * 1024
MAX_UNZIPPED: Final = 250 * 1024 * 1024

_SERVICES: Final = ("dynamodb", "lambda", "s3", "sns", "sqs", "stepfunctions", "sts")
_NEVER: Final = (
    "_duckdb-stubs/",
    "adbc_driver_duckdb/",
    "duckdb/experimental/",
    "urllib3/contrib/emscripten/",
)
_UNUSED_ENDINGS: Final = (".pyi", "/RECORD", "/WHEEL", "/examples-1.json", "/examples-1.json.gz", "/py.typed")


@dataclass(frozen=True, slots=True)
class Package:
    """A package on disk. ``digest`` is a hash of all that went into it; sizes are in bytes."""

    path: Path
    digest: str
    zipped: int
    unzipped: int


def build_package(
    plans: Mapping[str, str], target: Target, cache: Path, progress: Progress = lambda _message: None
) -> Package:
    """Build the package of these plans (feed → the plan's JSON), or give the one that the cache holds.

    Raises :class:`UsageError` where the package is larger than Lambda takes or pip is missing, and
    :class:`ServiceError` where the libraries can't be fetched.
    """
    own = _own_parts(plans, target)
    libraries_digest, digest = _digests(own, target)
    path = cache / f"function-{digest[:32]}.zip"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        libraries = cache / f"libraries-{libraries_digest[:32]}.zip"
        if not libraries.exists():
            progress(f"Fetching the function's libraries for Python {target.python} on {target.architecture}")
            _pack_libraries(target, libraries)
        progress("Packing the function")
        with written_whole(path) as scratch:
            shutil.copyfile(libraries, scratch)
            with zipfile.ZipFile(scratch, "a") as zipped:
                add_files(zipped, own | _bytecode(own, target))
        for kind in ("function", "libraries"):
            forget_old(cache, kind)
    path.touch()
    return _measure(path, digest)


def digest_package(plans: Mapping[str, str], target: Target) -> str:
    """Give the digest of the package of these plans, without building it."""
    return _digests(_own_parts(plans, target), target)[1]


def _own_parts(plans: Mapping[str, str], target: Target) -> dict[str, bytes]:
    """Give the package's files that are no library's."""
    own = {**read_rooms(ROOMS), **{f"plans/{feed}.json": text.encode() for feed, text in plans.items()}}
    if target.interpreter is not None:
        own["bootstrap"] = _bootstrap(target.interpreter).encode()
    return own


def _digests(own: Mapping[str, bytes], target: Target) -> tuple[str, str]:
    """Give the digests of the libraries and of the whole package."""
    kind = f"{target.python} {target.architecture} {target.emulated}"
    ways = [
        Path(file).read_bytes() for file in (__file__, archive.__file__, bytecode.__file__)
    ]  # another way gives other packages
    libraries = digest_parts([*ways, kind.encode(), *(pin.encode() for pin in read_pins(target))])
    parts = [libraries.encode(), *(part for name in sorted(own) for part in (name.encode(), own[name]))]
    return libraries, digest_parts(parts)


def _measure(path: Path, digest: str) -> Package:
    with zipfile.ZipFile(path) as zipped:
        package = Package(
            path, digest, path.stat().st_size, sum(entry.file_size for entry in zipped.infolist())
        )
    for size, limit, what in (
        (package.zipped, MAX_ZIPPED, "zipped"),
        (package.unzipped, MAX_UNZIPPED, "unzipped"),
    ):
        if size > limit:
            raise UsageError(
                f"The function's package is {size / 2**20:.0f} MB {what}, and Lambda takes {limit / 2**20:.0f} MB. "
                f"Most of it should be DuckDB; look into {path} for what else has grown, or split the project."
            )
    return package


def _bootstrap(interpreter: str) -> str:
    """The program that the runtime starts. ``-S`` and the path keep this computer's own packages out of the function."""
    return (
        "#!/bin/sh\n"
        'cd "$(dirname "$0")"\n'
        'export PYTHONPATH="$PWD" PYTHONNOUSERSITE=1\n'
        f'exec "{interpreter}" -S -m awslambdaric "$_HANDLER"\n'
    )


def _pack_libraries(target: Target, path: Path) -> None:
    with (
        tempfile.TemporaryDirectory(dir=path.parent, prefix=".wheels-") as folder,
        written_whole(path) as scratch,
    ):
        files = {
            name: data
            for wheel in fetch_wheels(_platform(target), read_pins(target), Path(folder))
            for name, data in _wanted(wheel)
        }
        with zipfile.ZipFile(scratch, "w") as zipped:
            add_files(zipped, files | _bytecode(files, target))


def _bytecode(files: Mapping[str, bytes], target: Target) -> dict[str, bytes]:
    return compile_sources(files) if target.emulated else {}


def _platform(target: Target) -> Platform:
    return Platform(target.python, target.architecture, here=target.emulated)


def _wanted(wheel: Path) -> Iterator[tuple[str, bytes]]:
    """Give the files of a wheel that the function needs, licences among them."""
    with zipfile.ZipFile(wheel) as zipped:
        for entry in zipped.infolist():
            name = entry.filename
            if not entry.is_dir() and _is_needed(name):
                yield name, zipped.read(entry)


def _is_needed(name: str) -> bool:
    if name.startswith(_NEVER) or name.endswith(_UNUSED_ENDINGS) or ".data/" in name:
        return False
    if name.startswith("botocore/data/"):
        parts = name.split("/")
        return (
            len(parts) == 3 or parts[2] in _SERVICES
        )  # files beside the services' folders are shared by all
    return True
