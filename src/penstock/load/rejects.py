"""Rejects as JSON lines: one shape on disk and in S3, so that both can be read, mended and replayed alike."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from penstock.engine.result import Reason, Reject
from penstock.errors import ServiceError


def reject_to_json(reject: Reject) -> str:
    """Give a reject as one line of JSON, without the newline.

    ``raw`` holds the record's bytes as text; where they are not UTF-8, ``raw_base64`` holds them instead. ``sha256``
    is there only where the raw bytes are cut, ``withheld`` only where ``cells`` or the ``record`` are, ``of`` only
    where the record is one of a query's ``result``, and ``key`` and ``version`` where many objects are loaded as one.
    """
    about = {"key": reject.key, "version": reject.version}
    shape: dict[str, Any] = {name: value for name, value in about.items() if value is not None}
    shape |= {"line": reject.line, "offset": reject.offset, "length": reject.length}
    if reject.of != "object":
        shape["of"] = reject.of
    try:
        shape["raw"] = reject.raw.decode("utf-8")
    except UnicodeDecodeError:
        shape["raw_base64"] = base64.b64encode(reject.raw).decode("ascii")
    if reject.sha256 is not None:
        shape["sha256"] = reject.sha256
    if reject.withheld != "nothing":
        shape["withheld"] = reject.withheld
    shape["errors"] = [
        {"code": reason.code, "field": reason.field, "message": reason.message} for reason in reject.errors
    ]
    return json.dumps(shape, ensure_ascii=False, separators=(",", ":"))


def reject_from_json(line: str | bytes) -> Reject:
    """Read back what :func:`reject_to_json` wrote. Raises :class:`~penstock.errors.ServiceError` for anything else."""
    try:
        shape = json.loads(line)
        raw = (
            shape["raw"].encode() if "raw" in shape else base64.b64decode(shape["raw_base64"], validate=True)
        )
        reasons = tuple(Reason(error["code"], error["field"], error["message"]) for error in shape["errors"])
        withheld = shape.get("withheld", "nothing")
        return Reject(
            shape["line"],
            shape["offset"],
            shape["length"],
            raw,
            shape.get("sha256"),
            reasons,
            withheld,
            shape.get("of", "object"),
            shape.get("key"),
            shape.get("version"),
        )
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise ServiceError(
            "A line of the rejects is not one that Penstock wrote. The file was changed or cut: run the load again to "
            "get its rejects anew."
        ) from error
