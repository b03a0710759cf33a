"""Whether a run was judged by the contract as it is here now, or by an earlier one that is still deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.cli.output import tell
from penstock.compile.plan import compile_contract
from penstock.errors import ContractError
from penstock.plan.codec import plan_hash

if TYPE_CHECKING:
    from penstock.aws.runs import Run
    from penstock.cli.place import Place


def tell_outdated(place: Place, run: Run) -> None:
    """Say on standard error where the plan that a run followed is not what its feed's contract comes to here."""
    for contract, path in zip(place.project.feeds, place.project.paths, strict=True):
        if contract.name != run.feed or run.plan is None:
            continue
        try:
            same = plan_hash(compile_contract(contract)) == run.plan
        except ContractError:  # which the deploy tells in full
            same = False
        if not same:
            file = path.relative_to(place.project.folder).as_posix()
            tell(f"{file} differs from what is deployed: {place.connection.deploy_command}")
