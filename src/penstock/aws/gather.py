"""Gather the objects of a run that is over many: what is under the feed's prefix now, or what of that no run has loaded yet.

The objects are listed page by page and pinned one by one, and the list goes to a file: memory does not grow with their number. The
run's folder keeps it (:data:`~penstock.load.gathering.OBJECTS`).

Where a feed takes what is new (``transform.over: new``), the objects that its runs have taken so far are a list of the same
form, ``manifests/<feed>/taken/<run>.jsonl``. The ledger names it in the same write that says of the run that it is applied
(:attr:`~penstock.aws.object_state.Applied.taken`): so an object version is in one applied run, and what a failed or a refused run had gathered
is new still. It never forgets a version, for one that was current before can be so again.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

from penstock.aws.explain import AwsError, explain_error
from penstock.aws.folder import RunFolder
from penstock.aws.large.hand_over import open_folder
from penstock.aws.loader import Budget, Loader
from penstock.aws.log import Log
from penstock.aws.manifests import delete_older
from penstock.aws.object_state import Applied
from penstock.aws.objects import ObjectVersion, S3Source, find_current, is_gathered, is_of_feed
from penstock.aws.runs import Run
from penstock.aws.scratch import make_scratch
from penstock.errors import ServiceError
from penstock.load.gathering import OBJECTS, Digest, GatheredObject, Gathering, Member, read_lines, write_line
from penstock.load.steps.workplace import Members

_AT_ONCE: Final = 8
"""Objects that are looked at side by side: fewer than the connections that a client keeps."""

_TAKEN: Final = "taken.jsonl"
_KNOWN: Final = "known.jsonl"


_BLOCKS: Final = "objects.json"
_BLOCK: Final = 1000
"""Objects of a block of the list."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """How many objects the blocks of a list have."""

    count: int


@dataclass(frozen=True, slots=True)
class Gathered:
    """The objects of a run. ``found`` stands for all of them: the feed's prefix, in the version that is a digest of their list.

    ``list`` is the file of the list, of ``count`` objects; of their bytes so many are ``packed``.
    """

    found: ObjectVersion
    list: Path
    count: int
    packed: int

    def open(self, loader: Loader) -> Gathering:
        """Give them to be read."""
        return Gathering(self.found.key, self.found.last_modified, lambda: self._open_members(loader))

    def _open_members(self, loader: Loader) -> Iterator[Member]:
        with self.list.open("rb") as lines:
            for each in read_lines(lines):
                pinned = _pin(self.found.bucket, each)
                yield Member(S3Source(loader.s3, pinned, sleep=loader.sleep), each.version)


def takes_new(loader: Loader) -> bool:
    """Tell whether the feed's runs are over what no run has loaded yet."""
    return loader.plan.query is not None and loader.plan.query.over == "new"


def gather(
    loader: Loader, bucket: str, applied: Applied | None, scratch: Path, budget: Budget, log: Log
) -> Gathered | None:
    """Gather the objects that a run is to be over now; None where there are none. The list lies below the scratch folder.

    Needs s3:ListBucket for the feed's prefix, and s3:GetObject on what is below it. Raises
    :class:`~penstock.errors.ServiceError`, also where the time is up before all were looked at.
    """
    digest, count, size, packed, latest = Digest(), 0, 0, 0, ""
    path = scratch / OBJECTS
    with _open_taken(loader, applied, scratch) as taken, path.open("wb") as file:
        for found in _look_at(loader, bucket, _Taken(taken), budget):
            each = _note(found)
            file.write(write_line(each))
            digest.add(each)
            count, size, packed = count + 1, size + each.size, packed + each.size * each.packed
            latest = max(latest, each.last_modified)
    log.info("objects gathered", outcome="done", objects=count, size=size)
    if not count:
        return None
    version = digest.version
    whole = ObjectVersion(bucket, loader.plan.prefix, version, version, size, latest, packed=False)
    return Gathered(whole, path, count, packed)


def keep_list(loader: Loader, run: Run, gathered: Gathered) -> None:
    """Keep the list of a run's objects in the run's folder."""
    open_folder(loader, run.id).upload(OBJECTS, gathered.list)


def keep_blocks(loader: Loader, run: Run, gathered: Gathered) -> None:
    """Keep the list in blocks too, for a run that is handed over: who reads one object needs no more of the list than its block."""
    folder = open_folder(loader, run.id)
    with gathered.list.open("rb") as lines:
        for number in range(math.ceil(gathered.count / _BLOCK)):
            folder.put(_name_block(number), b"".join(islice(lines, _BLOCK)))
    folder.write(_BLOCKS, Blocks(gathered.count))


def open_members(loader: Loader, folder: RunFolder, bucket: str) -> Members | None:
    """Give the objects of a run that was handed over; None where it is over one."""
    kept = folder.read(Blocks, _BLOCKS) if is_gathered(loader.plan) else None
    if kept is None:
        return None

    def open_one(number: int) -> tuple[Member, bool]:
        block = folder.get(_name_block(number // _BLOCK))
        (each,) = read_lines(block.splitlines()[number % _BLOCK :][:1])
        source = S3Source(loader.s3, _pin(bucket, each), sleep=loader.sleep)
        return Member(source, each.version), each.packed

    return Members(kept.count, open_one)


def _name_block(number: int) -> str:
    return f"objects/{number:06d}.jsonl"


def note_applied(loader: Loader, run: Run, etag: str, before: Applied | None) -> Applied:
    """Give what the ledger is to say of a run that has dealt with its version; ``before`` is what it says so far.

    Where the feed takes what is new, the objects of a run that loaded them are added to those taken before. To do so again
    does no harm.
    """
    taken = None if before is None else before.taken
    if takes_new(loader) and run.status == "done":
        _take(loader, run.id, taken)
        taken = run.id
    status: Literal["done", "rejected"] = "done" if run.status == "done" else "rejected"
    return Applied(run.version, etag, status, str(run.plan), run.id, taken)


def forget_older(loader: Loader, applied: Applied) -> None:
    """Delete the lists of what was taken before the one that the ledger names now. What can't be deleted does no harm."""
    if takes_new(loader) and applied.taken == applied.run:
        with suppress(ServiceError):
            delete_older(_open_taken_folder(loader), applied.run)


def _take(loader: Loader, run: str, before: str | None) -> None:
    """Write the list of what was taken: that of before, and the run's own."""
    folder = _open_taken_folder(loader)
    with make_scratch() as name:
        scratch = Path(name)
        own = scratch / OBJECTS
        open_folder(loader, run).download(OBJECTS, own)
        whole = scratch / _TAKEN
        with (
            _open_list(folder, before, scratch / _KNOWN) as known,
            own.open("rb") as lines,
            whole.open("wb") as file,
        ):
            for each in _merge(known, read_lines(lines)):
                file.write(write_line(each))
        folder.upload(_name_list(run), whole)


def _merge(*lists: Iterable[GatheredObject]) -> Iterator[GatheredObject]:
    """Merge lists in the order of their keys' bytes, each version once."""
    last: tuple[bytes, str] | None = None
    for each in heapq.merge(*lists, key=_place):
        if _place(each) != last:
            last = _place(each)
            yield each


def _place(found: GatheredObject) -> tuple[bytes, str]:
    return found.key.encode(), found.version


class _Taken:
    """What was taken of each key, asked in the order of the keys' bytes."""

    def __init__(self, known: Iterator[GatheredObject]) -> None:
        self._known = known
        self._next = next(known, None)

    def find(self, key: str) -> list[GatheredObject]:
        """Give what was taken of a key. The next must not be before it."""
        wanted, found = key.encode(), list[GatheredObject]()
        while self._next is not None and self._next.key.encode() <= wanted:
            if self._next.key == key:
                found.append(self._next)
            self._next = next(self._known, None)
        return found


def _look_at(loader: Loader, bucket: str, taken: _Taken, budget: Budget) -> Iterator[ObjectVersion]:
    """Give the current versions of the feed's objects that were not taken, in the order of their keys' bytes."""
    with ThreadPoolExecutor(_AT_ONCE, "gather") as pool:
        for page in _list_pages(loader, bucket):
            if budget.left <= 0:
                raise ServiceError(
                    "The time was up before all objects were looked at. Give the function a longer `timeout`, or the feed "
                    "fewer files at a time."
                )
            known = {entry["Key"]: taken.find(entry["Key"]) for entry in page}
            wanted = [entry["Key"] for entry in page if not _is_among(entry, known[entry["Key"]])]
            for found in pool.map(lambda key: find_current(loader.s3, bucket, key), wanted):
                # One that is gone meanwhile is none of this run's; one that was replaced is what it is now.
                if found is not None and all(each.version != found.version for each in known[found.key]):
                    yield found


def _is_among(entry: dict[str, Any], known: Iterable[GatheredObject]) -> bool:
    """Tell whether what S3 lists was taken. A list names no versions: it is the same content, put in the same second."""
    modified = f"{entry['LastModified']:%Y-%m-%dT%H:%M:%SZ}"
    etag = entry["ETag"].strip('"')
    return any((each.etag, each.last_modified) == (etag, modified) for each in known)


def _list_pages(loader: Loader, bucket: str) -> Iterator[list[dict[str, Any]]]:
    plan = loader.plan
    try:
        for page in loader.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=plan.prefix):
            yield [entry for entry in page.get("Contents", ()) if is_of_feed(plan, entry["Key"])]
    except AwsError as error:
        raise explain_error(error, f"list s3://{bucket}/{plan.prefix}", "s3:ListBucket") from error


def _note(found: ObjectVersion) -> GatheredObject:
    return GatheredObject(
        found.key, found.version, found.size, found.etag, found.last_modified, packed=found.packed
    )


def _pin(bucket: str, each: GatheredObject) -> ObjectVersion:
    version_id = None if each.version.startswith("etag:") else each.version
    return ObjectVersion(
        bucket, each.key, version_id, each.etag, each.size, each.last_modified, packed=each.packed
    )


def _open_taken_folder(loader: Loader) -> RunFolder:
    prefix = f"manifests/{loader.plan.name}/taken/"
    return RunFolder(loader.s3, loader.artifacts, prefix, loader.sleep)


def _name_list(run: str) -> str:
    return f"{run}.jsonl"


@contextmanager
def _open_taken(loader: Loader, applied: Applied | None, scratch: Path) -> Iterator[Iterator[GatheredObject]]:
    """Give what the feed's runs have taken so far, where they take what is new."""
    name = applied.taken if applied is not None and takes_new(loader) else None
    with _open_list(_open_taken_folder(loader), name, scratch / _KNOWN) as known:
        yield known


@contextmanager
def _open_list(folder: RunFolder, run: str | None, here: Path) -> Iterator[Iterator[GatheredObject]]:
    """Give what is in the list of a run; nothing where no run is named. It is brought to the disk first."""
    if run is None:
        yield iter(())
        return
    folder.download(_name_list(run), here)
    with closing(here.open("rb")) as lines:
        yield read_lines(lines)
    here.unlink()
