"""References to other feeds of a project: each gets the contract of its feed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from penstock.contract.model import Contract
from penstock.contract.problem import Problem, suggest


def feeds_wanted(contract: Contract) -> frozenset[str]:
    """The names of the feeds that a contract's references speak of."""
    return frozenset(ref.feed for ref in contract.references.values() if ref.feed is not None)


def resolve_feeds(
    contract: Contract, feeds: Mapping[str, Contract], names: Iterable[str]
) -> tuple[Contract, list[Problem]]:
    """The contract with its references' feeds from among ``feeds``, and what is wrong with them.

    ``names`` are those of all feeds of its project.
    """
    resolved, problems = dict(contract.references), []
    for name, reference in contract.references.items():
        if reference.feed is None:
            continue
        path = ("references", name, "feed")
        found = feeds.get(reference.feed)
        if found is None:
            others = sorted(set(names) - {contract.name})
            problems.append(
                Problem(
                    path,
                    f'no feed of the project is called "{reference.feed}"{suggest(reference.feed, others)}',
                )
            )
        elif found.transform.sql is not None:
            problems.append(
                Problem(
                    path,
                    f"{reference.feed} has transform.sql itself: its rows are not those of its objects. Refer to what it reads, "
                    "and say the rest here",
                )
            )
        else:
            resolved[name] = reference.resolve(found)
    return contract.model_copy(update={"references": resolved}), problems


def without_project(contract: Contract) -> list[Problem]:
    """The problems of a contract that speaks of other feeds and is in no project."""
    return [
        Problem(
            ("references", name, "feed"),
            "speaks of another feed, and this contract is in no project: put both into `contracts/`, beside a penstock.yaml",
        )
        for name, reference in contract.references.items()
        if reference.feed is not None
    ]
