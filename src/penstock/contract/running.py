"""What a feed runs on, and when: the parts of a contract that say nothing of its data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from penstock.contract.scalars import Megabytes, RejectLimit, Schedule, TimeZone
from penstock.contract.standard import Part


class FunctionModel(Part):
    """The size of the feed's loader function (AWS Lambda's limits)."""

    memory: int = Field(default=1769, ge=512, le=10_240)
    """Memory in MB; 1769 is one processor. A run takes some 300, however large the file."""
    timeout: int = Field(default=300, ge=30, le=900)
    """Seconds that one invocation may take."""
    storage: int = Field(default=2048, ge=512, le=10_240)
    """Scratch space under /tmp in MB."""
    concurrency: int = Field(default=10, ge=2, le=1000)
    """How many objects are loaded at once, at most; the queue takes no less than 2."""


class LargeObjectsModel(Part):
    """How objects are loaded that are too large for one invocation; the project's, unless the contract says otherwise."""

    over: Megabytes = 256
    """MB (of 1,048,576 bytes) as it lies in S3 past which an object is cut into chunks; `0.5` is half of one."""
    chunk: Megabytes = 64
    """MB of a chunk, give or take a record: what one worker loads."""
    concurrency: int = Field(default=10, ge=1, le=1000)
    """How many workers load chunks of one object at once."""
    tolerated_failures: RejectLimit = 0
    """A count of chunks, or a share such as `5%`, past which a failure stops the others; the object has failed either way."""


class GlueModel(Part):
    """The size of the feed's job in AWS Glue, of which there is one with `engine: glue`, and with `engine: auto` where there is `transform.sql`."""

    worker: Literal["G.1X", "G.2X", "G.4X", "G.8X"] = "G.1X"
    """The kind of worker: `G.1X` has 4 processors and 16 GB of memory, and counts as one DPU; the others have, and count, as often as they say."""
    workers: int = Field(default=5, ge=2, le=299)
    """How many workers a run has; one of them drives the others."""
    timeout: int = Field(default=120, ge=1, le=10_080)
    """Minutes that one run may take; then it is stopped."""
    retries: int = Field(default=1, ge=0, le=10)
    """How often a run that failed is started again; it goes on where the one before stopped."""


class ScheduleModel(Part):
    """When everything in the bucket is compared with what was loaded."""

    at: Schedule
    """`rate(1 hour)`, or `cron(...)` with its six fields: minutes, hours, day of month, month, day of week, year."""
    time_zone: TimeZone = "UTC"
    """The time zone of `cron(...)` and of the dates in `source.expect`, by its IANA name such as `Europe/Berlin`."""


ScheduleOrText = Annotated[
    Annotated[Schedule, Tag("(text)")] | Annotated[ScheduleModel, Tag("(timed)")],
    Discriminator(lambda value: "(timed)" if isinstance(value, dict | ScheduleModel) else "(text)"),
]
"""An expression in UTC, or one with its time zone."""
