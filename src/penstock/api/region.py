"""The AWS region of a call."""

from __future__ import annotations

import os
from typing import Any

import botocore.session
from botocore.exceptions import BotoCoreError, ProfileNotFound

from penstock.errors import UsageError


def configured_region(session: Any) -> str | None:
    """Give the region of the surroundings. botocore looks at AWS_DEFAULT_REGION alone, other tools at AWS_REGION first."""
    found: str | None = os.environ.get("AWS_REGION") or session.get_config_variable("region")
    return found


def find_region(region: str | None, profile: str | None) -> str:
    """Give the region: the named one, or that of the profile or the AWS configuration.

    Raises :class:`~penstock.errors.UsageError` where there is none, and where the profile does not exist.
    """
    session = botocore.session.Session(profile=profile)
    try:
        session.get_scoped_config()
        found = region or configured_region(session)
    except ProfileNotFound as error:
        raise UsageError(f"There is no profile {profile} in the AWS configuration.") from error
    except BotoCoreError as error:
        raise UsageError(f"The AWS configuration can't be read: {error}") from error
    if not found:
        raise UsageError("No AWS region is set. Name one with --region, or set AWS_REGION.")
    return found
