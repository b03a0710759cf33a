"""Build what jobs in Glue run: a script of a few lines, and Penstock with its libraries as a zip of wheels.

Glue installs Python packages as a job starts, with pip (Glue guide, "Using Python libraries with AWS Glue"). From version 5.0 on it takes one
zip in which all the wheels lie beside a list of what to install, so that nothing has to be fetched from a package index,
which a job may have no way to. The name of such a zip ends in ``.gluewheels.zip``, and it holds a folder ``wheels``.

Penstock's own wheel is made here, of the rooms that run there; it names no dependency but those in the zip. What Glue brings
along is used as it is: botocore (1.40.61 in version 5.1) and what that needs, and PySpark.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import penstock
from penstock.stack import archive
from penstock.stack.archive import add_files, digest_parts, forget_old, read_rooms, written_whole
from penstock.stack.package import ROOMS, Progress
from penstock.stack.resources.glue import JobCode
from penstock.stack.resources.roles import JOB_CODE
from penstock.stack.target import aws_target
from penstock.stack.wheels import Platform, fetch_wheels, read_pins

GLUE: Final = Platform(python="3.11", architecture="x86_64")
"""What Glue 5.1 runs on."""
JOB_ROOMS: Final = (*ROOMS, "spark")
LIBRARIES: Final = ("duckdb", "tzdata")
"""What Glue does not bring along, or in versions of its own: time zones decide what a time is."""
SCRIPT: Final = """\
# What a job of Penstock in AWS Glue runs: made at deploy time, replaced at the next one.
import sys

from penstock.spark.glue import main

main(sys.argv[1:])
"""
"""It ends by returning, for to Glue a script that calls ``sys.exit`` has failed, and by an error where the job has."""


@dataclass(frozen=True, slots=True)
class JobPackage:
    """The zip of wheels on disk, and what it is known by: a digest of all that went into it."""

    path: Path
    digest: str


def build_job_package(cache: Path, progress: Progress = lambda _message: None) -> JobPackage:
    """Build the zip of wheels, or give the one that the cache holds.

    Raises :class:`~penstock.errors.UsageError` where pip is missing, and :class:`~penstock.errors.ServiceError` where the libraries
    can't be fetched.
    """
    libraries_digest, digest = _digests()
    path = cache / f"job-{digest[:32]}.gluewheels.zip"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        libraries = cache / f"job_libraries-{libraries_digest[:32]}.zip"
        if not libraries.exists():
            progress(f"Fetching the job's libraries for Python {GLUE.python} on {GLUE.architecture}")
            _pack_libraries(libraries)
        name, wheel = write_wheel(read_rooms(JOB_ROOMS), _pins())
        listed = "".join(f"{pin}\n" for pin in (f"penstock=={penstock.__version__}", *_pins()))
        own = {f"wheels/{name}": wheel, "wheels/requirements.txt": listed.encode()}
        with written_whole(path) as scratch:
            shutil.copyfile(libraries, scratch)
            with zipfile.ZipFile(scratch, "a") as zipped:
                add_files(zipped, own)
        for kind in ("job", "job_libraries"):
            forget_old(cache, kind)
    path.touch()
    return JobPackage(path, digest)


def digest_job_package() -> str:
    """Give the digest of the zip of wheels, without building it."""
    return _digests()[1]


def _digests() -> tuple[str, str]:
    """Give the digests of the libraries and of the whole."""
    ways = [
        Path(file).read_bytes() for file in (__file__, archive.__file__)
    ]  # another way gives other packages
    libraries = digest_parts([*ways, *(pin.encode() for pin in _pins())])
    own = read_rooms(JOB_ROOMS)
    parts = [part for name in sorted(own) for part in (name.encode(), own[name])]
    return libraries, digest_parts([libraries.encode(), *parts])


def _pack_libraries(path: Path) -> None:
    with (
        tempfile.TemporaryDirectory(dir=path.parent, prefix=".wheels-") as folder,
        written_whole(path) as scratch,
    ):
        wheels = fetch_wheels(GLUE, _pins(), Path(folder), "the job's")
        with zipfile.ZipFile(scratch, "w") as zipped:
            add_files(zipped, {f"wheels/{wheel.name}": wheel.read_bytes() for wheel in wheels})


def job_code(digest: str) -> JobCode:
    """Give where what jobs run lies in the artifacts bucket, by the digest of the zip of wheels."""
    return JobCode(script=f"{JOB_CODE}{digest}.py", wheels=f"{JOB_CODE}{digest}.gluewheels.zip")


def _pins() -> tuple[str, ...]:
    """Give the versions of the libraries: those that the function carries too."""
    return tuple(pin for pin in read_pins(aws_target()) if pin.partition("==")[0] in LIBRARIES)


def write_wheel(files: Mapping[str, bytes], requires: tuple[str, ...]) -> tuple[str, bytes]:
    """Write Penstock's own wheel of these files, and give its name and its bytes (PyPA specifications, "Binary distribution format")."""
    stem = f"penstock-{penstock.__version__}"
    about = [
        "Metadata-Version: 2.1",
        "Name: penstock",
        f"Version: {penstock.__version__}",
        "Requires-Python: >=3.11",
    ]
    metadata = "".join(f"{line}\n" for line in (*about, *(f"Requires-Dist: {pin}" for pin in requires)))
    tags = "Wheel-Version: 1.0\nGenerator: penstock\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    whole = {
        **files,
        f"{stem}.dist-info/METADATA": metadata.encode(),
        f"{stem}.dist-info/WHEEL": tags.encode(),
    }
    record = f"{stem}.dist-info/RECORD"
    whole[record] = _write_record(whole, record)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as zipped:
        add_files(zipped, whole)
    return f"{stem}-py3-none-any.whl", written.getvalue()


def _write_record(files: Mapping[str, bytes], record: str) -> bytes:
    """Give the list of a wheel's files with their digests; its own has none."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    for name in sorted(files):
        digest = base64.urlsafe_b64encode(hashlib.sha256(files[name]).digest()).rstrip(b"=").decode()
        lines.writerow([name, f"sha256={digest}", len(files[name])])
    lines.writerow([record, "", ""])
    return text.getvalue().encode()
