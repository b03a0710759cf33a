"""Expected files: which have to be there now, which are not, and telling people of each once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from penstock.aws.connect import Client
from penstock.aws.ledger import Ledger
from penstock.aws.log import Log
from penstock.aws.notify import notify_missing
from penstock.aws.objects import is_listed
from penstock.aws.sweep.rounds import keep_told, read_told


def name_expected(names: Sequence[str], moment: float, time_zone: str) -> tuple[str, ...]:
    """Give the names with their directives written out for a moment, in seconds of the epoch, as it is in a time zone."""
    local = datetime.fromtimestamp(moment, ZoneInfo(time_zone))
    return tuple(local.strftime(name) for name in names)


def find_missing(s3: Client, bucket: str, keys: Sequence[str]) -> tuple[str, ...]:
    """Give the keys that there is no object of: one list request each. Needs s3:ListBucket on the bucket."""
    return tuple(key for key in keys if not is_listed(s3, bucket, key))


def tell_missing(
    ledger: Ledger, sns: Client, topic: str | None, feed: str, uris: tuple[str, ...], log: Log
) -> None:
    """Log what is missing, and tell people of what they were not told of before.

    It is remembered after it was told, so that a notice that did not go out is sent by the next sweep.
    """
    if uris:
        log.warning("expected files are not there", outcome="missing", missing=list(uris))
    told = read_told(ledger, feed)
    news = tuple(uri for uri in uris if uri not in told)
    if news and topic is not None and not notify_missing(sns, topic, feed, news, log):
        return
    if told != frozenset(uris):
        keep_told(ledger, feed, uris)
