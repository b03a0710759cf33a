"""The plans of a project's feeds."""

from __future__ import annotations

from penstock.compile.plan import compile_contract
from penstock.contract.locate import located
from penstock.contract.project import Project
from penstock.errors import ContractError
from penstock.plan.model import Plan


def compile_feeds(project: Project) -> dict[str, Plan]:
    """Compile every contract of a project; plans by the feed's name.

    Raises :class:`~penstock.errors.ContractError` with the problems of all contracts, each with its file and line.
    """
    plans: dict[str, Plan] = {}
    problems: list[str] = []
    for contract, path in zip(project.feeds, project.paths, strict=True):
        try:
            with located(path):
                plans[contract.name] = compile_contract(contract)
        except ContractError as error:
            problems += error.problems
    if problems:
        raise ContractError(problems)
    return plans
