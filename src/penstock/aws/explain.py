"""What AWS answered, made into errors that say what to do."""

from __future__ import annotations

import re
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from penstock.errors import ServiceError

AwsError: Final = (BotoCoreError, ClientError)
"""Everything that a botocore client raises."""

_DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "403",
    "Forbidden",
}
_CREDENTIALS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}


class NotDeployedError(ServiceError):
    """Something that a deploy makes is not there. ``what`` says so alone, without what to do."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}. Deploy the project, or correct the region.")
        self.what = what


def error_code(error: BaseException) -> str:
    """Give the code of an AWS error, or the name of its class where the service never answered."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "unknown"))
    return type(error).__name__


def explain_error(error: Exception, doing: str, needs: str) -> ServiceError:
    """Give the error to raise. ``doing`` completes "Could not …"; ``needs`` is the IAM action that it takes."""
    return ServiceError(f"Could not {doing}: {_reason(error, needs)}")


def explain_code(code: str, doing: str, needs: str) -> ServiceError:
    """Give the error to raise for an answer's ``code``; see :func:`explain_error`."""
    return ServiceError(f"Could not {doing}: {_advise(code, needs)}")


def _find_loopback(error: Exception) -> str | None:
    """Give the address on this computer at which nobody took or kept a connection; None where it is something else."""
    about = getattr(error, "kwargs", {})
    found = re.match(r"http://(127\.0\.0\.1|localhost):[0-9]+", str(about.get("endpoint_url", "")))
    return None if found is None else found[0]


def _reason(error: Exception, needs: str) -> str:
    if isinstance(error, NoCredentialsError):
        return "there are no AWS credentials. Log in, or set AWS_PROFILE, and try again."
    if isinstance(error, NoRegionError):
        return "no AWS region is set. Set AWS_REGION, and try again."
    if isinstance(error, ClientError):
        return _advise(error_code(error), needs)
    endpoint = _find_loopback(error)
    if endpoint is not None:
        return f"the service could not be reached at {endpoint}. If that is the embedded AWS, it does not run any more: penstock up"
    return f"the service could not be reached ({error_code(error)}). Check the network and the endpoint, and try again."


def _advise(code: str, needs: str) -> str:
    if code in _DENIED:
        return f"access was denied. Allow {needs} on it (and on its KMS key, if it has one), and try again."
    if code in _CREDENTIALS:
        return f"the AWS credentials were not accepted ({code}). Log in again, and try again."
    return f"the service answered {code}. Try again; if it stays so, look the code up in the service's reference."
