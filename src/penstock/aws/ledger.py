"""What is known of each object: the version applied, the claim of who is at work on it, and whether to look again.

The loader never works on a key without its claim, and looks at the key only when it has it. So of two workers one is
at work, and what it finds is the newest version there is: nothing older can overwrite it. An event that meets a live
claim sets ``pending`` and is done, whoever it is from; the worker sees that when it settles, keeps the claim, and looks
again. A claim ends by itself at its expiry, so that a worker that died holds nobody up; before that moment its requests
have ended.

What is not done must be found again, also when the event that told of it is long gone. While there is something to do
an object has ``due_feed`` and ``due_at``, the moment from which nobody may be at work on it any more: its claim's
expiry, or the end of a run that failed with an event pending. The index ``by_due`` holds these objects and no others
(:meth:`Ledger.list_due`), and the sweep looks there every few minutes.

An attempt counts from its claim until the object is settled. While there is one, no version is taken for applied, the
one that ``applied`` names included: the attempt may have written rows of another. A replay is none: what it writes is of
the version that is applied.

A run that is handed to the state machine keeps its claim, which each of its steps extends. What it has done so far is in
a folder of the artifacts bucket. ``saved`` names that folder and the version and plan it is good for, so that the next
attempt does only what is left.

Where a manifest is kept (:mod:`penstock.aws.manifests`), ``manifest`` names the one that tells what the table holds of the object:
that of the run which began to write last, ``whole`` once it has written all. A run that keeps none takes the name away.
``approved`` is a version whose deletes somebody has agreed to, though they pass the contract's limit.

An item of an object is ``pk`` = ``OBJECT#<bucket>/<key>``, ``sk`` = ``STATE``; it has no expiry of its own (the table's
time to live is ``expires_at``, which only runs have).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from penstock.aws.attributes import from_item, to_item
from penstock.aws.connect import Client
from penstock.aws.explain import AwsError, error_code, explain_error
from penstock.aws.object_state import Applied, Claim, Pointer, Saved, State, read_item, state_key
from penstock.errors import ServiceError

_ROUNDS = 10
"""How often a claim may slip between being met and being marked before that is no coincidence."""


class LostClaimError(ServiceError):
    """The claim ran out and another worker has taken over."""


@dataclass(frozen=True)
class Ledger:
    """The ledger table. Needs dynamodb:GetItem, dynamodb:PutItem and dynamodb:UpdateItem on it."""

    dynamodb: Client
    table: str
    clock: Callable[[], float] = time.time

    def read_state(self, bucket: str, key: str) -> State:
        """Give what is known of an object, as of now."""
        try:
            answer = self.dynamodb.get_item(
                TableName=self.table, Key=state_key(bucket, key), ConsistentRead=True
            )
        except AwsError as error:
            raise self.explain(error, "dynamodb:GetItem") from error
        return read_item(from_item(answer.get("Item", {})))

    def claim(
        self,
        feed: str,
        bucket: str,
        key: str,
        run: str,
        expires_at: float,
        after: str | None = None,
        *,
        attempt: bool = True,
    ) -> Claim | None:
        """Claim an object for a run. None where another's claim is live; then the object is marked as pending.

        ``after`` is the run of the same worker that :meth:`settle` left the claim with. ``attempt`` tells whether the run
        may write rows of another version than is applied.
        """
        for _ in range(_ROUNDS):
            claim = self._try_claim(feed, bucket, key, run, expires_at, after or run, int(attempt))
            if claim is not None or self.mark_pending(bucket, key):
                return claim
        raise ServiceError(
            f"s3://{bucket}/{key} was claimed and let go again too often to be claimed. Try again."
        )

    def _try_claim(
        self, feed: str, bucket: str, key: str, run: str, expires_at: float, after: str, attempt: int
    ) -> Claim | None:
        old = self._update(
            bucket,
            key,
            "SET feed = :feed, claim_run = :run, claim_expires_at = :end, due_feed = :feed, due_at = :end, "
            "attempt = if_not_exists(attempt, :zero) + :attempt REMOVE pending",
            "attribute_not_exists(claim_run) OR claim_expires_at <= :now OR claim_run IN (:run, :after)",
            {
                ":feed": feed,
                ":run": run,
                ":after": after,
                ":end": expires_at,
                ":now": self.clock(),
                ":zero": 0,
                ":attempt": attempt,
            },
        )
        if old is None:
            return None
        state = read_item(old)
        if state.claim_run == run:
            # A request whose answer was lost is sent again by botocore, and finds its own claim: that was no attempt.
            state = replace(state, attempts=state.attempts - 1)
        interrupted = state.claim_run if state.claim_run not in {run, after} else None
        return Claim(bucket, key, run, expires_at, state.attempts + attempt, interrupted, state)

    def mark_pending(self, bucket: str, key: str) -> bool:
        """Have whoever has the object's claim look at it again; False where nobody has it."""
        condition = "attribute_exists(claim_run) AND claim_expires_at > :now"
        values = {":now": self.clock(), ":yes": True}
        return self._update(bucket, key, "SET pending = :yes", condition, values) is not None

    def settle(self, claim: Claim, applied: Applied | None, manifest: str | None = None) -> bool:
        """Note what was applied (None: there was nothing to do), and end the claim, unless an event came in meanwhile.

        ``manifest`` is the name of the run's, if that is whole.

        True where one did: the key is to be looked at again, and the claim is kept for that, so that a worker that dies
        before it looks is found. Raises :class:`LostClaimError` where another worker has the claim.
        """
        values: dict[str, Any] = {":run": claim.run}
        if applied is not None:
            values[":applied"] = asdict(applied)
            noted, forgotten = "SET applied = :applied ", "attempt, saved, approved"
        elif claim.state.attempts:  # they may have written something, and there is nothing to write over it
            values[":attempts"] = claim.state.attempts
            noted, forgotten = "SET attempt = :attempts ", "saved"
        else:
            noted, forgotten = "", "attempt, saved"
        if manifest is not None:
            assert applied is not None, "what is written of a version makes it one that was applied"
            values[":manifest"] = asdict(Pointer(manifest, whole=True))
            noted = "SET applied = :applied, manifest = :manifest "
        ended = f"{noted}REMOVE claim_run, claim_expires_at, due_feed, due_at, {forgotten}"
        if self._update_claimed(claim, ended, "AND attribute_not_exists(pending)", values):
            return False
        if self._update_claimed(claim, f"{noted}REMOVE pending, {forgotten}", "", values):
            return True
        # The claim is no longer ours; or its end was written, and only the answer to that was lost. To look again is
        # right then, for nobody knows any more whether an event came in.
        now = self.read_state(claim.bucket, claim.key).applied
        if applied is None or (now is not None and now.run == applied.run):
            return True
        raise _lost(claim)

    def _update_claimed(self, claim: Claim, update: str, more: str, values: dict[str, Any]) -> bool:
        condition = f"claim_run = :run {more}".strip()
        return self._update(claim.bucket, claim.key, update, condition, values) is not None

    def extend(self, bucket: str, key: str, run: str, expires_at: float) -> None:
        """Make the claim of a run last until ``expires_at`` at least. Raises :class:`LostClaimError`."""
        values = {":run": run, ":end": expires_at}
        condition = "claim_run = :run AND claim_expires_at < :end"
        update = "SET claim_expires_at = :end, due_at = :end"
        if self._update(bucket, key, update, condition, values) is not None:
            return
        if self.read_state(bucket, key).claim_run != run:
            raise LostClaimError(
                f"The run {run} has no claim on s3://{bucket}/{key} any more: it came to an end, or stood still for so long "
                "that another run began. What that one does counts."
            )

    def point(self, claim: Claim, pointer: Pointer | None) -> None:
        """Name the manifest that tells what the table holds, or none. To be called before anything is written.

        Raises :class:`LostClaimError`.
        """
        note = {} if pointer is None else {":manifest": asdict(pointer)}
        update = "SET manifest = :manifest" if note else "REMOVE manifest"
        if not self._update_claimed(claim, update, "", {":run": claim.run, **note}):
            raise _lost(claim)

    def approve(self, feed: str, bucket: str, key: str, run: str, version: str) -> bool:
        """Let a refused version be loaded whatever it deletes, and have the object looked at again.

        False where the run is not the object's current one any more, or somebody is at work on the object.
        """
        values = {":run": run, ":version": version, ":yes": True, ":feed": feed, ":now": self.clock()}
        update = "SET approved = :version, pending = :yes, due_feed = :feed, due_at = :now"
        condition = "applied.run = :run AND attribute_not_exists(claim_run)"
        return self._update(bucket, key, update, condition, values) is not None

    def forget(self, feed: str, bucket: str, key: str) -> bool:
        """Forget which version was applied, and what the table holds of it, and have the object looked at again.

        That is for a table that lacks what was loaded. False where somebody is at work on the object, or nothing was applied.
        """
        values = {":yes": True, ":feed": feed, ":now": self.clock()}
        update = "SET pending = :yes, due_feed = :feed, due_at = :now REMOVE applied, manifest, approved"
        condition = "attribute_exists(applied) AND attribute_not_exists(claim_run)"
        return self._update(bucket, key, update, condition, values) is not None

    def save(self, claim: Claim, saved: Saved | None) -> None:
        """Note where the claim's run keeps what it has done, for the steps after it; None: nothing of it is of use.

        Raises :class:`LostClaimError`.
        """
        note = {} if saved is None else {":saved": asdict(saved)}
        update = "SET saved = :saved" if note else "REMOVE saved"
        if not self._update_claimed(claim, update, "", {":run": claim.run, **note}):
            raise _lost(claim)

    def release(self, claim: Claim, *, again: bool = False) -> bool:
        """Give a claim up; what was applied is as before, and whoever is told of the object next may claim it.

        True where an event came in the meantime, and was not brought back; then the object is due at once, and so it is
        where the worker itself says that there is more to do (``again``).
        """
        ended = "REMOVE claim_run, claim_expires_at"
        if not again and self._update_claimed(
            claim, f"{ended}, due_feed, due_at", "AND attribute_not_exists(pending)", {":run": claim.run}
        ):
            return False
        values = {":run": claim.run, ":yes": True, ":now": self.clock()}
        return self._update_claimed(claim, f"SET pending = :yes, due_at = :now {ended}", "", values)

    def list_due(self, feed: str, now: float) -> Iterator[tuple[str, str]]:
        """Give the buckets and keys of a feed's objects with something to do that nobody is at work on any more.

        Needs dynamodb:Query on the index ``by_due``, which may be some seconds behind.
        """
        ask: dict[str, Any] = {
            "TableName": self.table,
            "IndexName": "by_due",
            "KeyConditionExpression": "due_feed = :feed AND due_at <= :now",
            "ExpressionAttributeValues": to_item({":feed": feed, ":now": now}),
        }
        try:
            while True:
                answer = self.dynamodb.query(**ask)
                for item in answer["Items"]:
                    bucket, _, key = from_item(item)["pk"].removeprefix("OBJECT#").partition("/")
                    yield bucket, key
                if "LastEvaluatedKey" not in answer:
                    return
                ask["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        except AwsError as error:
            raise self.explain(error, "dynamodb:Query on its index by_due") from error

    def _update(
        self, bucket: str, key: str, update: str, condition: str, values: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Write under a condition. Give the item as it was before, or None where the condition did not hold."""
        try:
            answer = self.dynamodb.update_item(
                TableName=self.table,
                Key=state_key(bucket, key),
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


def _lost(claim: Claim) -> LostClaimError:
    return LostClaimError(
        f"The run {claim.run} took longer than its claim on s3://{claim.bucket}/{claim.key}, and another worker has "
        "taken over. Give the function more time."
    )
