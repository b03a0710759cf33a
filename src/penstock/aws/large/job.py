"""What a step of the state machine has to do with: the run, its folder, the object, and the time there is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from penstock.aws.artifacts import S3RejectWriter
from penstock.aws.folder import RunFolder
from penstock.aws.gather import open_members
from penstock.aws.large.states import Work
from penstock.aws.loader import Budget, Deadline, Loader
from penstock.aws.log import Log
from penstock.aws.manifests import bring_base, bring_files, find_base, open_manifests, publish, put_file
from penstock.aws.measure import measured
from penstock.aws.object_state import Claim, State
from penstock.aws.objects import ObjectVersion, S3Source, find_current
from penstock.aws.references import find_noted
from penstock.aws.runs import Run, get_run
from penstock.aws.scratch import explain_full_disk, make_scratch
from penstock.aws.table.write import TableWriter, WriterStats
from penstock.engine.manifest import Base
from penstock.errors import ServiceError, UsageError
from penstock.load.protocols import ItemWriter, ObjectSource, RejectWriter
from penstock.load.result import ResultRejects, ResultSource
from penstock.load.steps.result import Result, open_pieces
from penstock.load.steps.workplace import Outlet, Upkeep, Workplace


def find_file(folder: RunFolder, name: str) -> ObjectVersion:
    """Give a file of a folder as an object to read. A file is never changed, so that its ETag alone pins it."""
    found = find_current(folder.s3, folder.bucket, folder.key(name))
    if found is None:
        raise ServiceError(
            f"s3://{folder.bucket}/{folder.key(name)} is gone. The run has to be begun anew: load the object again."
        )
    return replace(found, version_id=None)


@dataclass(frozen=True)
class Job:
    """A run that was handed over, as one step of it sees it."""

    loader: Loader
    run: Run
    folder: RunFolder
    work: Work
    budget: Budget
    log: Log
    result: Result | None = None
    """What is loaded in the place of the object, where that is a query's result."""

    @property
    def claim(self) -> Claim:
        """The claim that the run has, to be settled or released."""
        run = self.run
        return Claim(run.bucket, run.key, run.id, 0.0, run.attempt, None, State())

    @property
    def manifests(self) -> RunFolder:
        """Where the object's manifests are."""
        return open_manifests(self.loader, self.run.bucket, self.run.key)

    @property
    def place(self) -> Workplace:
        """What the steps have to do with that go through the object."""
        loader = self.loader
        return Workplace(
            plan=loader.plan if self.result is None else loader.load_plan,
            folder=self.folder,
            stored=self._stored,
            packed=self.result is None and self.work.found.packed,
            chunk_bytes=self.work.chunk_bytes,
            partitions=self.work.partitions,
            memory_mb=loader.memory_mb,
            batch_bytes=loader.batch_bytes,
            load_bytes=loader.size_batch(self.budget, loader.chunk_workers),
            until=self.budget.claim_end,
            clock=self.budget.clock,
            make_deadline=lambda: Deadline(self.budget, loader.leg_seconds),
            make_scratch=make_scratch,
            open_outlet=self._open_outlet,
            check=self._check_still_goes_on,
            explain=explain_full_disk,
            tell=self._tell,
            upkeep=None if loader.plan.manifest is None else self._keep_up(),
            lanes=loader.lanes,
            references=self._open_references,
            describe_references=lambda: self.run.references,
            members=None if self.result is not None else open_members(loader, self.folder, self.run.bucket),
        )

    @property
    def _stored(self) -> ObjectSource:
        """The object, or its query's result, which has its name and its time."""
        loader, found = self.loader, self.work.found
        source = S3Source(loader.s3, found, sleep=loader.sleep)
        if self.result is None:
            return source
        if not self.result.file:
            return open_pieces(loader.plan, self.folder, source, self.result)
        file = find_file(self.folder, self.result.file)
        return ResultSource(S3Source(loader.s3, file, sleep=loader.sleep), found.key, found.last_modified)

    def _open_references(self) -> Mapping[str, ObjectSource]:
        """Open what the query reads beside the rows: the versions that were chosen as the run was handed over.

        Raises :class:`~penstock.errors.DataError` where one is not there any more.
        """
        loader, run = self.loader, self.run
        noted = find_noted(loader, run.bucket, run.references)
        return {name: S3Source(loader.s3, found, sleep=loader.sleep) for name, found in noted.items()}

    def check_plan(self) -> None:
        """Raise :class:`~penstock.errors.UsageError` where the run is by another plan than the feed has by now."""
        if self.run.plan != self.loader.plan_hash:
            raise UsageError(
                f"The feed was deployed anew while the run {self.run.id} went on, and its contract is another one now. What is loaded "
                "stays; the object is loaded whole by the new contract when the feed's schedule or `penstock sweep` finds it."
            )

    def _tell(self, what: str, about: Mapping[str, object]) -> None:
        self.log.debug(what, **about)

    def _check_still_goes_on(self) -> None:
        """Look at the run once more, now that whoever ends it sees this worker.

        Steps of an execution that failed may still begin, and the object must not be free while one of them is at work.
        """
        run = get_run(self.loader.ledger, self.run.id)
        if run is None or run.ended:
            raise UsageError(f"The run {self.run.id} came to an end before this chunk was begun.")

    @contextmanager
    def _open_outlet(self) -> Iterator[Outlet]:
        writer = self.loader.open_writer(self.budget, self.loader.chunk_workers)
        with measured(writer, self.log) as items:
            yield _TableOutlet(self, items)

    def _keep_up(self) -> Upkeep:
        """Give how the steps keep the run's manifest."""
        loader, ledger, manifests = self.loader, self.loader.ledger, self.manifests
        run, name = self.run, str(self.run.saved)

        def find() -> Base:
            return find_base(loader, manifests, ledger.read_state(run.bucket, run.key).manifest, self.log)

        def bring(base: Base, scratch: Path, partition: int) -> Base:
            return bring_base(manifests, base, scratch, partition, self.work.partitions)

        def give(files: Sequence[str]) -> None:
            publish(loader, self.claim, manifests, name, files)

        return Upkeep(
            find_base=find,
            bring_base=bring,
            keep=lambda partition, path: put_file(manifests, name, partition, path),
            publish=give,
            bring=lambda names, scratch: bring_files(manifests, names, scratch, "vanished"),
            is_limited=lambda: ledger.read_state(run.bucket, run.key).approved != run.version,
        )


class _TableOutlet:
    """Items go to the table, rejects to the artifacts bucket; see :class:`~penstock.load.steps.workplace.Outlet`."""

    def __init__(self, job: Job, items: TableWriter) -> None:
        self._job = job
        self._items = items
        self._rejects: S3RejectWriter | None = None

    @property
    def stats(self) -> WriterStats:
        return self._items.stats

    def begin_leg(self, stem: str) -> tuple[ItemWriter, RejectWriter]:
        loader = self._job.loader
        self._rejects = S3RejectWriter(
            loader.s3, loader.artifacts, loader.plan.name, self._job.run.id, name=stem
        )
        return self._items, self._rejects if self._job.result is None else ResultRejects(self._rejects)

    def end_leg(self) -> tuple[str, ...]:
        assert self._rejects is not None, "a leg that ends has begun"
        self._rejects.close()
        return self._rejects.parts
