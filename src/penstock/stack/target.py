"""Where a project is deployed to: AWS, or the embedded AWS. Everything in which the two differ is here.

The templates, the order of the stacks, the change sets and the function's own code are the same. What differs:

==============================  ==============================================  =====================================
what                            AWS                                             the embedded AWS
==============================  ==============================================  =====================================
runtime                         ``python3.13``                                  ``provided.al2023``, and a
                                                                                ``bootstrap`` that starts this
                                                                                computer's own Python with
                                                                                ``awslambdaric``
libraries                       for Linux on the function's processor           for this computer
bytecode                        none: it is that of another Python              in the package, so that nothing is
                                                                                compiled where it is unpacked
architecture                    the project's (arm64 unless it says otherwise)  this computer's
time to live, point-in-time     set by CloudFormation                           dropped by its CloudFormation, so set
recovery, reserved concurrency                                                  after the deploy
                                                                                (:mod:`penstock.stack.emulate`)
checks before a change set      done                                            left out: they take a bucket that is
is executed                                                                     adopted for one in the way
what state machines do         writes results of maps to S3 and logs; needs    neither; its own calls ask no role
                                a role for every call
boundary of roles, VPC of      made                                            dropped: functions run on this computer
functions
jobs in Glue                    made where a contract asks for one              left out: there is no Spark there, and
                                                                                nothing that waits for a job. The
                                                                                function loads large objects in
                                                                                chunks, to the same end; what it can't
                                                                                do, a query over too much, it says, and
                                                                                ``penstock run --engine spark`` does
lifecycle of buckets            objects under ``runs/`` expire                  dropped: they stay
policies of resources           asked about every call                          never asked
saved queries for the logs      part of each feed's stack                        left out: it takes no
                                                                                ``AWS::Logs::QueryDefinition``
encryption                      everything, with the project's key if it has    nothing
                                one
following a deploy              every two seconds                               ten times a second
==============================  ==============================================  =====================================
"""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from typing import Final, Literal

from penstock.errors import UsageError

Architecture = Literal["arm64", "x86_64"]

LAMBDA_PYTHON: Final = "3.13"
_ARCHITECTURES: Final[dict[str, Architecture]] = {
    "aarch64": "arm64",
    "arm64": "arm64",
    "x86_64": "x86_64",
    "amd64": "x86_64",
}


@dataclass(frozen=True, slots=True)
class Target:
    """What the deploy and the template need to know of where they go.

    ``interpreter`` is None where the service brings Python along, or the path of the Python that the package starts.
    """

    runtime: str
    python: str
    architecture: Architecture
    handler: str = "penstock.aws.handler.handle"
    interpreter: str | None = None
    poll_seconds: float = 2.0

    @property
    def emulated(self) -> bool:
        """Whether this is the embedded AWS."""
        return self.interpreter is not None

    @property
    def saved_queries(self) -> bool:
        """Whether queries of logs can be saved."""
        return not self.emulated

    @property
    def glue(self) -> bool:
        """Whether there is a Glue that runs jobs."""
        return not self.emulated


def aws_target(architecture: Architecture = "arm64") -> Target:
    """Give AWS itself as the target."""
    return Target(runtime=f"python{LAMBDA_PYTHON}", python=LAMBDA_PYTHON, architecture=architecture)


def emulated_target() -> Target:
    """Give the embedded AWS on this computer as the target. Raises :class:`UsageError` on an unknown processor."""
    machine = platform.machine().lower()
    if machine not in _ARCHITECTURES:
        raise UsageError(
            f"The embedded AWS knows no Lambda architecture for this computer's processor ({machine})."
        )
    return Target(
        runtime="provided.al2023",
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        architecture=_ARCHITECTURES[machine],
        interpreter=sys.executable,
        poll_seconds=0.1,
    )
