"""Manifests in the artifacts bucket: where a run finds what the table holds of its object, and leaves what it makes of that.

The manifests of an object are below ``manifests/<feed>/<hash of bucket and key>/``: for each a state, ``<name>.json``, and
files, one for each hash partition of keys. The ledger names the one that counts (:class:`~penstock.aws.object_state.Pointer`). It
names a run's from before its first write on; those before it are deleted when it is whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

from penstock.aws.explain import AwsError, explain_error
from penstock.aws.folder import RunFolder
from penstock.aws.loader import Loader
from penstock.aws.log import Log
from penstock.aws.object_state import Claim, Pointer
from penstock.engine.manifest import Base
from penstock.errors import ServiceError
from penstock.load.replay import Touch
from penstock.load.run import Upkeep
from penstock.load.steps.states import new_token
from penstock.plan.model import Table

MANIFEST_VERSION: Final = 1
"""Raised whenever an older loader would read a newer manifest wrongly. Manifests are kept for as long as their objects."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest is of. ``table`` tells the table and its keys, ``files`` are in the order of their partitions.

    ``doubtful`` are rows of which it is not certain that all their items were written.
    """

    table: str
    files: tuple[str, ...]
    doubtful: tuple[int, ...] = ()


def open_manifests(loader: Loader, bucket: str, key: str) -> RunFolder:
    """Give the folder of an object's manifests."""
    about = hashlib.sha256(f"{bucket}/{key}".encode()).hexdigest()[:32]
    prefix = f"manifests/{loader.plan.name}/{about}/"
    return RunFolder(loader.s3, loader.artifacts, prefix, loader.sleep)


def find_base(loader: Loader, manifests: RunFolder, pointer: Pointer | None, log: Log) -> Base:
    """Find the manifest that the ledger names; an empty one where that is of no use. Its files are named as in S3."""
    if pointer is None:
        return Base()
    found = _read(manifests, pointer.name)
    if found is None or not set(found.files) <= manifests.list_sizes(f"{pointer.name}/").keys():
        problem = "the manifest is gone, or not one that this version of Penstock reads"
    elif found.table != _describe(loader.plan.table):
        problem = f"the manifest is of another table, {found.table}"
    else:
        return Base(found.files, pointer.whole, found.doubtful)
    log.warning(f"{problem}: all rows are written, and nothing is deleted", manifest=pointer.name)
    return Base()


def _read(manifests: RunFolder, name: str) -> Manifest | None:
    """Read a manifest's state; None where there is none that can be used."""
    text = manifests.find(_state_name(name))
    try:
        shape = json.loads(text or b"")
        if shape["version"] != MANIFEST_VERSION:
            return None
        return Manifest(shape["table"], tuple(shape["files"]), tuple(shape["doubtful"]))
    except (ValueError, KeyError, TypeError):
        return None


def _show(manifest: Manifest) -> bytes:
    return json.dumps({"version": MANIFEST_VERSION, **asdict(manifest)}, sort_keys=True).encode()


def bring_base(
    manifests: RunFolder, base: Base, scratch: Path, partition: int = 0, partitions: int = 1
) -> Base:
    """Bring what a hash partition of so many needs of a base below ``scratch``, and give it with the names there.

    Both numbers of partitions are powers of two: of the one with fewer, each holds several of the other's whole.
    """
    common = min(partitions, len(base.files) or 1)
    names = [name for number, name in enumerate(base.files) if number % common == partition % common]
    return replace(base, files=bring_files(manifests, names, scratch, "base"))


def bring_files(manifests: RunFolder, names: Sequence[str], scratch: Path, place: str) -> tuple[str, ...]:
    """Bring files below ``scratch``, and give their names there."""
    (scratch / place).mkdir(exist_ok=True)
    brought = tuple(f"{place}/{number}.parquet" for number in range(len(names)))
    for name, here in zip(names, brought, strict=True):
        manifests.download(name, scratch / here)
    return brought


def put_file(manifests: RunFolder, name: str, partition: int, path: Path) -> str:
    """Upload a partition's file of the manifest of that name, and give the name that it has there."""
    stored = f"{name}/{partition:06d}-{new_token()}.parquet"
    manifests.upload(stored, path)
    return stored


def publish(loader: Loader, claim: Claim, manifests: RunFolder, name: str, files: Sequence[str]) -> None:
    """Have the ledger name a manifest, before anything of it is written. Raises LostClaimError.

    Whoever does that again, be it after the run's end, has the same files, and may not take away what was noted since.
    """
    manifests.put_once(_state_name(name), _show(Manifest(_describe(loader.plan.table), tuple(files))))
    loader.ledger.point(claim, Pointer(name, whole=False))


def complete(manifests: RunFolder, name: str, doubtful: tuple[int, ...] | None, log: Log) -> bool:
    """Note of what rows not all items were written, and delete the manifests before this one. Tells whether it is whole.

    Nothing is wrong with one that is not: the next run takes for uncertain what this one was to write.
    """
    if doubtful is None:
        log.warning(
            "too many rows were refused for the manifest to tell them: it counts as one that broke off"
        )
        return False
    try:
        if doubtful:
            found = _read(manifests, name)
            if found is None:
                raise ServiceError("The run's manifest is gone, so that it can't be completed.")
            manifests.put(_state_name(name), _show(replace(found, doubtful=doubtful)))
        delete_older(manifests, name)
    except ServiceError as error:
        log.failure("manifest not completed", outcome="failed", reason=str(error))
        return False
    return True


def delete_older(manifests: RunFolder, name: str) -> None:
    """Delete the manifests of runs that began before. Those of later ones, of whom this one can't know yet, stay."""
    older = [
        found for found in manifests.list_sizes("") if found.partition("/")[0].removesuffix(".json") < name
    ]
    for start in range(0, len(older), 1000):
        keys = [{"Key": manifests.key(found)} for found in older[start : start + 1000]]
        try:
            manifests.s3.delete_objects(Bucket=manifests.bucket, Delete={"Objects": keys, "Quiet": True})
        except AwsError as error:
            raise explain_error(
                error, f"delete manifests below {manifests.prefix}", "s3:DeleteObject"
            ) from error


def _state_name(name: str) -> str:
    return f"{name}.json"


def _describe(table: Table) -> str:
    keys = [f"{key.name} {key.type}" for key in (table.partition, table.sort) if key is not None]
    return f"{table.name} ({', '.join(keys)})"


def begin_touch(loader: Loader, claim: Claim, scratch: Path, log: Log) -> Touch | None:
    """Bring the object's manifest below ``scratch``, and give what a replay takes; None where no manifest is kept.

    What the replay writes is uncertain to whoever comes next, whether or not it ends: it is written anew then, or deleted.
    """
    if loader.plan.manifest is None:
        if claim.state.manifest is not None:  # it won't hold any more
            loader.ledger.point(claim, None)
        return None
    manifests = open_manifests(loader, claim.bucket, claim.key)
    base = find_base(loader, manifests, claim.state.manifest, log)

    def take(files: Sequence[Path]) -> None:
        names = [put_file(manifests, claim.run, number, path) for number, path in enumerate(files)]
        publish(loader, claim, manifests, claim.run, names)

    return Touch(bring_base(manifests, base, scratch), take)


@dataclass
class Keeping:
    """The manifest of a run in one process. ``files`` are its files once it is published, ``whole`` that all is written."""

    loader: Loader
    claim: Claim
    log: Log
    files: tuple[str, ...] = ()
    whole: bool = False
    _manifests: RunFolder = field(init=False)

    def __post_init__(self) -> None:
        self._manifests = open_manifests(self.loader, self.claim.bucket, self.claim.key)

    def begin(self, scratch: Path, *, limited: bool) -> Upkeep:
        """Bring the base below ``scratch``, and give what the run takes."""
        base = find_base(self.loader, self._manifests, self.claim.state.manifest, self.log)

        def take(file: str) -> None:
            self.files = (put_file(self._manifests, self.claim.run, 0, scratch / file),)
            publish(self.loader, self.claim, self._manifests, self.claim.run, self.files)

        return Upkeep(bring_base(self._manifests, base, scratch), take, self._complete, limited)

    def _complete(self, doubtful: tuple[int, ...] | None) -> None:
        self.whole = complete(self._manifests, self.claim.run, doubtful, self.log)
