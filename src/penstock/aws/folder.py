"""A run's folder in the artifacts bucket, ``runs/<feed>/<name>/``: what the steps of a run leave for one another.

It holds states, small JSON documents, and files. A file is written once, under a name that nobody else takes, and counts only
when a state names it; a state changes by a conditional write, so that of two workers who change it at once neither
undoes what the other did. So any step can be delivered twice, and a worker can die at any moment.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from botocore.exceptions import ClientError

from penstock.aws.connect import Client
from penstock.aws.explain import AwsError, error_code, explain_error
from penstock.aws.objects import DENIED, is_listed
from penstock.errors import ServiceError
from penstock.load.state import from_json, to_json

_ATTEMPTS = 5
"""How often a body is read anew whose connection breaks."""
_ROUNDS = 20
"""How often a state may be changed by others between being read and being written."""
_MISSING = {"NoSuchKey", "404"}
_CHANGED = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
NEEDS: Final = "s3:GetObject and s3:PutObject, and s3:ListBucket for its prefix,"


S = TypeVar("S")


def folder_prefix(feed: str, name: str) -> str:
    """Give the prefix of the keys of a run's folder."""
    return f"runs/{feed}/{name}/"


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run. Needs s3:GetObject and s3:PutObject on ``runs/<feed>/*``, and to list it.

    Raises :class:`~penstock.errors.ServiceError` for what S3 does not do.
    """

    s3: Client
    bucket: str
    prefix: str
    sleep: Callable[[float], None] = time.sleep

    def key(self, name: str) -> str:
        """Give the key of a state or a file."""
        return f"{self.prefix}{name}"

    def below(self, name: str) -> RunFolder:
        """Give the folder of that name in this one."""
        return replace(self, prefix=f"{self.prefix}{name}/")

    def read(self, kind: type[S], name: str) -> S | None:
        """Give a state; None where there is none."""
        found = self._get(name)
        return None if found is None else from_json(kind, found[0])

    def write(self, name: str, state: object) -> None:
        """Write a state, over what was there. For what is the same whoever writes it."""
        self.put(name, to_json(state).encode())

    def update(self, kind: type[S], name: str, change: Callable[[S | None], S]) -> S:
        """Change a state: ``change`` gets what it is, or None, and gives what it is to be, which is given back.

        ``change`` may be called again, with what another worker wrote meanwhile, or with what it wrote itself where the
        answer to that was lost.
        """
        for _ in range(_ROUNDS):
            found = self._get(name)
            old = None if found is None else from_json(kind, found[0])
            new = change(old)
            held = {"IfNoneMatch": "*"} if found is None else {"IfMatch": found[1]}
            if new == old or self._put_if(name, to_json(new).encode(), held):
                return new
            self.sleep(random.random() * 0.1)  # noqa: S311 -- it is no secret
        raise ServiceError(f"{self._place(name)} was changed by others too often to be written. Try again.")

    def _put_if(self, name: str, body: bytes, held: dict[str, str]) -> bool:
        """Write under a condition, and tell whether it held."""
        try:
            self.s3.put_object(Bucket=self.bucket, Key=self.key(name), Body=body, **held)
        except AwsError as error:
            if error_code(error) in _CHANGED:
                return False
            raise self._explain(error, f"write {self._place(name)}") from error
        return True

    def put(self, name: str, body: bytes) -> None:
        """Write a file of these bytes."""
        try:
            self.s3.put_object(Bucket=self.bucket, Key=self.key(name), Body=body)
        except AwsError as error:
            raise self._explain(error, f"write {self._place(name)}") from error

    def put_once(self, name: str, body: bytes) -> None:
        """Write a file of these bytes, unless there is one of its name."""
        self._put_if(name, body, {"IfNoneMatch": "*"})

    def find(self, name: str) -> bytes | None:
        """Give the bytes of a file; None where there is none."""
        found = self._get(name)
        return None if found is None else found[0]

    def get(self, name: str) -> bytes:
        """Give the bytes of a file, which is there."""
        found = self._get(name)
        if found is None:
            raise ServiceError(
                f"{self._place(name)} is gone. The run has to be begun anew: load the object again."
            )
        return found[0]

    def upload(self, name: str, path: Path) -> None:
        """Write a file from the disk."""
        try:
            with path.open("rb") as body:
                self.s3.put_object(Bucket=self.bucket, Key=self.key(name), Body=body)
        except AwsError as error:
            raise self._explain(error, f"write {self._place(name)}") from error

    def download(self, name: str, path: Path) -> None:
        """Read a file, which is there, to the disk."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                answer = self.s3.get_object(Bucket=self.bucket, Key=self.key(name))
                with closing(answer["Body"]) as body, path.open("wb") as file:
                    for piece in body.iter_chunks(1 << 20):
                        file.write(piece)
            except AwsError as error:
                if isinstance(error, ClientError) or attempt == _ATTEMPTS:
                    raise self._explain(error, f"read {self._place(name)}") from error
            else:
                return

    def list_sizes(self, start: str) -> dict[str, int]:
        """Give the names of the files that begin so, in order, and their bytes."""
        found: dict[str, int] = {}
        try:
            pages = self.s3.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self.key(start)
            )
            for page in pages:
                for entry in page.get("Contents", ()):
                    found[entry["Key"].removeprefix(self.prefix)] = entry["Size"]
        except AwsError as error:
            raise self._explain(error, f"list {self._place(start)}") from error
        return found

    def _get(self, name: str) -> tuple[bytes, str] | None:
        """Give what lies under a name, and its ETag."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                answer = self.s3.get_object(Bucket=self.bucket, Key=self.key(name))
                with closing(answer["Body"]) as body:
                    return body.read(), answer["ETag"]
            except ClientError as error:
                code = error_code(error)
                if code in _MISSING or (
                    code in DENIED and not is_listed(self.s3, self.bucket, self.key(name))
                ):
                    return None
                raise self._explain(error, f"read {self._place(name)}") from error
            except AwsError as error:  # a body that was cut short is not asked for again by botocore
                if attempt == _ATTEMPTS:
                    raise self._explain(error, f"read {self._place(name)}") from error
        raise AssertionError("the last attempt returns or raises")

    def _place(self, name: str) -> str:
        return f"s3://{self.bucket}/{self.key(name)}"

    def _explain(self, error: Exception, doing: str) -> ServiceError:
        return explain_error(error, doing, NEEDS)
