"""What is known of each object: the version applied, the claim of who is at work on it, and whether to look again.

The loader never works on a key without its claim, and looks at the key only when it has it. So of two workers one is
at work, and what it finds is the newest version there is: nothing older can overwrite it. An event that meets a live
claim sets ``pending`` and is done; the worker sees that when it ends its claim, and looks again. A claim ends by itself at its
expiry, so that a worker that died holds nobody up; before that moment its requests have ended.

The claim also names its cause: the message or the event that it was made for. The same event can come a second time
while its claim is live, because the first delivery died without a word, or because queues deliver twice. It is then not
done but comes back: were it left to the worker, as another event is, its success would delete what brings the worker's
own failure back. (It does not take the claim over either: the first delivery may be at work.)

A run that is handed to the state machine keeps its claim, which each of its steps extends, and loses the cause: it is no
longer an event's failure that brings it back. What it has done so far is in a folder of the artifacts bucket. ``saved``
names that folder and the version and plan it is good for, so that the next attempt does only what is left.

An item of an object is ``pk`` = ``OBJECT#<bucket>/<key>``, ``sk`` = ``STATE``; it has no expiry of its own (the table's
time to live is ``expires_at``, which only runs have).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from botocore.exceptions import ClientError

from penstock.aws.attributes import from_item, to_item
from penstock.aws.connect import Client
from penstock.aws.explain import AwsError, error_code, explain_error
from penstock.errors import ServiceError

_ROUNDS = 10
"""How often a claim may slip between being met and being marked before that is no coincidence."""


class LostClaimError(ServiceError):
    """The claim ran out and another worker has taken over."""


class OwnClaimError(ServiceError):
    """The claim met is that of an earlier delivery of the same event."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A version that was dealt with: loaded, or refused by the plan of that hash."""

    version: str
    etag: str
    status: Literal["done", "rejected"]
    plan: str
    run: str


@dataclass(frozen=True, slots=True)
class Saved:
    """What an unfinished run has done of a version by a plan: it lies in the folder of that name."""

    folder: str
    version: str
    plan: str


@dataclass(frozen=True, slots=True)
class State:
    """What the ledger says of an object. ``attempts`` counts the claims since the object was last settled."""

    applied: Applied | None = None
    claim_run: str | None = None
    claim_expires_at: float = 0.0
    pending: bool = False
    attempts: int = 0
    saved: Saved | None = None

    def settles(self, plan: str, *, version: str | None = None, etag: str | None = None) -> bool:
        """Tell whether the version, or the content of that ETag, needs nothing more.

        A version that was loaded is not loaded again, whatever the plan. One that was refused is judged again by
        another plan: that is how a contract is mended.
        """
        applied = self.applied
        if applied is None or (applied.status == "rejected" and applied.plan != plan):
            return False
        return applied.version == version or applied.etag == etag


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on an object, until ``expires_at`` (seconds of the epoch).

    ``attempt`` counts the claims since the object was last settled. ``interrupted`` is the run of the worker whose claim
    ran out, if that is how this one came about. ``state`` is what the ledger said when the claim was made.
    """

    bucket: str
    key: str
    run: str
    expires_at: float
    attempt: int
    interrupted: str | None
    state: State


@dataclass(frozen=True)
class Ledger:
    """The ledger table. Needs dynamodb:GetItem, dynamodb:PutItem and dynamodb:UpdateItem on it."""

    dynamodb: Client
    table: str
    clock: Callable[[], float] = time.time

    def read_state(self, bucket: str, key: str) -> State:
        """Give what is known of an object, as of now."""
        try:
            answer = self.dynamodb.get_item(TableName=self.table, Key=_key(bucket, key), ConsistentRead=True)
        except AwsError as error:
            raise self.explain(error, "dynamodb:GetItem") from error
        return _state(from_item(answer.get("Item", {})))

    def claim(
        self, feed: str, bucket: str, key: str, run: str, expires_at: float, cause: str = ""
    ) -> Claim | None:
        """Claim an object for a run. None where another's claim is live; then the object is marked as pending.

        ``cause`` tells the event that the run is made for. Raises :class:`OwnClaimError` where the live claim is of
        the same one.
        """
        for _ in range(_ROUNDS):
            claim = self._try_claim(feed, bucket, key, run, expires_at, cause)
            if claim is not None or self._mark_pending(bucket, key, cause):
                return claim
        raise ServiceError(
            f"s3://{bucket}/{key} was claimed and let go again too often to be claimed. Try again."
        )

    def _try_claim(
        self, feed: str, bucket: str, key: str, run: str, expires_at: float, cause: str
    ) -> Claim | None:
        # A request whose answer was lost is sent again by botocore, and finds its own claim.
        old = self._update(
            bucket,
            key,
            "SET feed = :feed, claim_run = :run, claim_cause = :cause, claim_expires_at = :end, "
            "attempt = if_not_exists(attempt, :zero) + :one REMOVE pending",
            "attribute_not_exists(claim_run) OR claim_expires_at <= :now OR claim_run = :run",
            {
                ":feed": feed,
                ":run": run,
                ":cause": cause,
                ":end": expires_at,
                ":now": self.clock(),
                ":zero": 0,
                ":one": 1,
            },
        )
        if old is None:
            return None
        state = _state(old)
        interrupted = state.claim_run if state.claim_run != run else None
        return Claim(bucket, key, run, expires_at, state.attempts + 1, interrupted, state)

    def _mark_pending(self, bucket: str, key: str, cause: str) -> bool:
        condition = "attribute_exists(claim_run) AND claim_expires_at > :now"
        values = {":now": self.clock(), ":yes": True}
        old = self._update(bucket, key, "SET pending = :yes", condition, values)
        if old is not None and cause and old.get("claim_cause") == cause:
            raise OwnClaimError(
                f"An earlier delivery of this event began to load s3://{bucket}/{key}, and has not ended, or ended without a "
                "word. This one comes back, to see what became of it."
            )
        return old is not None

    def settle(self, claim: Claim, applied: Applied | None) -> bool:
        """End a claim, and note what was applied (None: there was nothing to do).

        True where an event came in the meantime, so that the key is to be looked at again. Raises
        :class:`LostClaimError` where another worker has the claim.
        """
        note = {} if applied is None else {":applied": asdict(applied)}
        update = (
            "SET applied = :applied " if note else ""
        ) + "REMOVE claim_run, claim_cause, claim_expires_at, attempt, pending, saved"
        old = self._update(claim.bucket, claim.key, update, "claim_run = :run", {":run": claim.run, **note})
        if old is not None:
            return bool(old.get("pending", False))
        # The claim is no longer ours; or its end was written, and only the answer to that was lost. To look again is
        # right then, for nobody knows any more whether an event came in.
        now = self.read_state(claim.bucket, claim.key).applied
        if applied is None or (now is not None and now.run == applied.run):
            return True
        raise LostClaimError(
            f"The run {claim.run} took longer than its claim on s3://{claim.bucket}/{claim.key}, and another worker has "
            "taken over. Give the function more time."
        )

    def extend(self, bucket: str, key: str, run: str, expires_at: float) -> None:
        """Make the claim of a run last until ``expires_at`` at least. Raises :class:`LostClaimError`."""
        values = {":run": run, ":end": expires_at}
        condition = "claim_run = :run AND claim_expires_at < :end"
        if self._update(bucket, key, "SET claim_expires_at = :end", condition, values) is not None:
            return
        if self.read_state(bucket, key).claim_run != run:
            raise LostClaimError(
                f"The run {run} has no claim on s3://{bucket}/{key} any more: it came to an end, or stood still for so long "
                "that another run began. What that one does counts."
            )

    def save(self, claim: Claim, saved: Saved | None) -> None:
        """Note where the claim's run keeps what it has done, for the steps after it; None: nothing of it is of use.

        The claim's cause is forgotten: the event is answered. Raises :class:`LostClaimError`.
        """
        note = {} if saved is None else {":saved": asdict(saved)}
        update = "SET saved = :saved REMOVE claim_cause" if note else "REMOVE claim_cause, saved"
        if (
            self._update(claim.bucket, claim.key, update, "claim_run = :run", {":run": claim.run, **note})
            is None
        ):
            raise LostClaimError(
                f"The run {claim.run} took longer than its claim on s3://{claim.bucket}/{claim.key}, and another worker has "
                "taken over. Give the function more time."
            )

    def release(self, claim: Claim) -> bool:
        """Give a claim up; the object is as it was before, and whoever is told of it next may claim it.

        True where an event came in the meantime, and was not brought back.
        """
        old = self._update(
            claim.bucket,
            claim.key,
            "REMOVE claim_run, claim_cause, claim_expires_at",
            "claim_run = :run",
            {":run": claim.run},
        )
        return old is not None and bool(old.get("pending", False))

    def _update(
        self, bucket: str, key: str, update: str, condition: str, values: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Write under a condition. Give the item as it was before, or None where the condition did not hold."""
        try:
            answer = self.dynamodb.update_item(
                TableName=self.table,
                Key=_key(bucket, key),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=to_item(values),
                ReturnValues="ALL_OLD",
            )
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return None
            raise self.explain(error, "dynamodb:UpdateItem") from error
        except AwsError as error:
            raise self.explain(error, "dynamodb:UpdateItem") from error
        return from_item(answer.get("Attributes", {}))

    def explain(self, error: Exception, needs: str) -> ServiceError:
        """Give the error to raise for one of the ledger's."""
        if error_code(error) == "ResourceNotFoundException":
            return ServiceError(
                f"There is no ledger {self.table} here. Deploy the project, or correct the region."
            )
        return explain_error(error, f"use the ledger {self.table}", needs)


def _key(bucket: str, key: str) -> dict[str, Any]:
    return to_item({"pk": f"OBJECT#{bucket}/{key}", "sk": "STATE"})


def _state(item: dict[str, Any]) -> State:
    applied, saved = item.get("applied"), item.get("saved")
    return State(
        applied=Applied(**applied) if applied else None,
        claim_run=item.get("claim_run"),
        claim_expires_at=float(item.get("claim_expires_at", 0.0)),
        pending=bool(item.get("pending", False)),
        attempts=item.get("attempt", 0),
        saved=Saved(**saved) if saved else None,
    )
