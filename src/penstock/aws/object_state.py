"""What the ledger says of an object: the version applied, the claim, what is kept for the next; and the item that holds it.

The item's key is ``pk`` = ``OBJECT#<bucket>/<key>``, ``sk`` = ``STATE``. It has no expiry of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from penstock.aws.attributes import to_item


@dataclass(frozen=True, slots=True)
class Applied:
    """A version that was dealt with: loaded, or refused by the plan of that hash.

    Of a feed whose runs are over what is new, ``taken`` names the list of all that was loaded so far (:mod:`penstock.aws.gather`).
    """

    version: str
    etag: str
    status: Literal["done", "rejected"]
    plan: str
    run: str
    taken: str | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """What an unfinished run has done of a version by a plan: it lies in the folder of that name."""

    folder: str
    version: str
    plan: str


@dataclass(frozen=True, slots=True)
class Pointer:
    """The manifest of what the table holds of an object. Where it is not ``whole``, its run did not write all."""

    name: str
    whole: bool


@dataclass(frozen=True, slots=True)
class State:
    """What the ledger says of an object. ``attempts`` counts the claims since the object was last settled."""

    applied: Applied | None = None
    claim_run: str | None = None
    claim_expires_at: float = 0.0
    pending: bool = False
    attempts: int = 0
    saved: Saved | None = None
    manifest: Pointer | None = None
    approved: str | None = None

    def is_idle(self, now: float) -> bool:
        """Tell whether nothing is left of workers that died: no claim that ran out, no event that waits for one."""
        return (self.claim_expires_at > now) if self.claim_run else not self.pending

    def settles(self, plan: str, *, version: str | None = None, etag: str | None = None) -> bool:
        """Tell whether the version, or the content of that ETag, needs nothing more.

        A version that was loaded is not loaded again, whatever the plan. One that was refused is judged again by
        another plan: that is how a contract is mended; and where its deletes were approved. Nothing is settled after an attempt that did not end: it may
        have written rows of another version, and a version that was current before can be so again.
        """
        applied = self.applied
        if applied is None or self.attempts:
            return False
        if applied.status == "rejected" and (applied.plan != plan or applied.version == self.approved):
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


def state_key(bucket: str, key: str) -> dict[str, Any]:
    """Give the key of an object's item."""
    return to_item({"pk": f"OBJECT#{bucket}/{key}", "sk": "STATE"})


def read_item(item: dict[str, Any]) -> State:
    """Give what an object's item says; there need not be one."""
    applied, saved, manifest = item.get("applied"), item.get("saved"), item.get("manifest")
    return State(
        applied=Applied(**applied) if applied else None,
        claim_run=item.get("claim_run"),
        claim_expires_at=float(item.get("claim_expires_at", 0.0)),
        pending=bool(item.get("pending", False)),
        attempts=item.get("attempt", 0),
        saved=Saved(**saved) if saved else None,
        manifest=Pointer(**manifest) if manifest else None,
        approved=item.get("approved"),
    )
