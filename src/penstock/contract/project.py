"""A project: a folder with ``penstock.yaml`` and a contract per feed in ``contracts/``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from penstock.contract.document import Node, read_document
from penstock.contract.model import Contract, LargeObjectsModel
from penstock.contract.problem import Place, Placed, suggest
from penstock.contract.read import CONTRACTS_FOLDER, PROJECT_FILE, build, defaults_of, examine, in_order
from penstock.contract.resolve import resolve_feeds
from penstock.contract.scalars import (
    BucketName,
    EmailAddress,
    KeyArn,
    Many,
    PolicyArn,
    ProjectName,
    RegionName,
    RetentionDays,
    SecurityGroupId,
    Share,
    SubnetId,
)
from penstock.contract.standard import Part
from penstock.contract.wording import keys_of
from penstock.errors import ContractError, UsageError


def _check_tags(tags: dict[str, str]) -> dict[str, str]:
    """AWS's limits on tags, less the few that the stack itself sets."""
    if len(tags) > 40:
        raise ValueError(f"at most 40 tags, not {len(tags)}")
    for key, value in tags.items():
        if not 1 <= len(key) <= 128 or len(value) > 256:
            raise ValueError(
                f'the tag "{key}" is too long: a key has 1 to 128 characters, a value at most 256'
            )
        if key.lower().startswith("aws:"):
            raise ValueError(f'the tag "{key}" begins with aws:, which is reserved')
    return tags


class AlertsModel(Part):
    """Who is told when something needs a person."""

    email: Many[EmailAddress] = ()
    """Addresses that alarms are sent to; each must confirm its subscription once."""


class LogsModel(Part):
    """What the functions write and how long it is kept."""

    retention_days: RetentionDays = 30
    """Days that logs are kept."""
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least important level that is written."""
    debug_sample: Share = "0%"
    """A share of invocations, such as `1%`, of which everything is written, whatever the level."""

    @property
    def debug_share(self) -> str:
        """The sample as a number from 0 to 1."""
        return f"{Decimal(self.debug_sample[:-1]) / 100:f}"


class EncryptionModel(Part):
    """What everything that is kept is encrypted with."""

    key: KeyArn | None = None
    """The ARN of a KMS key of the project's region; unless said, each service uses a key of its own."""


class LandingModel(Part):
    """Where files land, if not in a bucket of the project's own."""

    bucket: BucketName | None = None
    """A bucket that is there already and is not Penstock's; unless said, the project makes one of its own."""
    key: KeyArn | None = None
    """The KMS key that the objects in that bucket are encrypted with, if it is not one of AWS's own."""


class VpcModel(Part):
    """The network that the functions run in."""

    subnets: Annotated[Many[SubnetId], Field(min_length=1, max_length=16)]
    """The subnets' ids; two or more, in different zones, outlast a zone."""
    security_groups: Annotated[Many[SecurityGroupId], Field(min_length=1, max_length=5)]
    """The security groups' ids; they must let the functions out to AWS's services by HTTPS."""


class ProjectModel(Part):
    """The project's file, `penstock.yaml`."""

    penstock: Literal[1]
    """The version of the format: 1."""
    name: ProjectName
    """The project's name: lowercase letters, digits and hyphens, beginning with a letter, at most 30."""
    region: RegionName | None = None
    """The AWS region; the environment's unless said."""
    landing: LandingModel = LandingModel()
    """Where files land, if not in a bucket of the project's own."""
    alerts: AlertsModel = AlertsModel()
    """Who is told when something needs a person."""
    logs: LogsModel = LogsModel()
    """What the functions write and how long it is kept."""
    encryption: EncryptionModel = EncryptionModel()
    """What everything that is kept is encrypted with."""
    tracing: bool = False
    """Whether Lambda and Step Functions send traces to AWS X-Ray."""
    architecture: Literal["arm64", "x86_64"] = "arm64"
    """The processor that the functions run on."""
    large_objects: LargeObjectsModel = LargeObjectsModel()
    """How objects are loaded that are too large for one invocation; it lies under `defaults`."""
    permissions_boundary: PolicyArn | None = None
    """The ARN of the managed policy past which no role of the project may go."""
    vpc: VpcModel | None = None
    """The network that the functions run in; none of yours unless said."""
    tags: Annotated[dict[str, str], AfterValidator(_check_tags)] = Field(default_factory=dict)
    """Tags of everything in the stack."""
    defaults: dict[str, Any] = Field(default_factory=dict)
    """A part of a contract that lies under every contract: what a contract says itself goes before."""


@dataclass(frozen=True, slots=True)
class Project:
    """A project that was read without problems. ``feeds`` and ``paths`` go in pairs, in the order of the file names."""

    folder: Path
    name: str
    region: str | None
    alerts: AlertsModel
    logs: LogsModel
    encryption: EncryptionModel
    tracing: bool
    architecture: Literal["arm64", "x86_64"]
    tags: Mapping[str, str]
    landing: LandingModel
    permissions_boundary: str | None
    vpc: VpcModel | None
    feeds: tuple[Contract, ...]
    paths: tuple[Path, ...]

    def may_be_sensitive(self, feed: str) -> bool:
        """Tell whether a feed's records may hold sensitive fields: one that is no longer in the project may have had some."""
        found = [contract for contract in self.feeds if contract.name == feed]
        return not found or any(field.sensitive for field in found[0].schema_.fields)


@dataclass(frozen=True, slots=True)
class _Feed:
    path: Path
    contract: Contract

    def problem(self, message: str, *path: str) -> Placed:
        """A problem of this feed; the file's tree is gone by now, so that the line is found anew."""
        root = read_document(self.path).root
        place = root.place_of(path) if root is not None else Place(str(self.path), 1)
        return Placed(place, path, message)


def find_project(start: Path) -> Path:
    """The nearest folder with a ``penstock.yaml``, from ``start`` upwards. Raises UsageError if there is none."""
    folder = start.resolve()
    for candidate in (folder, *folder.parents):
        if (candidate / PROJECT_FILE).is_file():
            return candidate
    raise UsageError(
        f"{start}: no {PROJECT_FILE} here or in a folder above; run this in a project's folder, or make this one a project: "
        f"printf 'penstock: 1\\nname: shop\\n' > {PROJECT_FILE}"
    )


def read_project(folder: Path) -> Project:
    """Read and check a project. Raises ContractError with a line for every problem of all its files."""
    path = folder / PROJECT_FILE
    document = read_document(path)
    found = list(document.problems)
    settings, defaults = None, None
    if document.root is not None:
        settings, shape, _ = build(ProjectModel, document.root)
        found += map(_name_room, shape)
        found += _check_defaults(document.root.child("defaults"))
        found += _check_key(document.root, settings)
        found += _check_landing(document.root, settings)
        defaults = defaults_of(document.root)
    feeds = _resolve(list(_read_feeds(folder, defaults, found)), found)
    found += _check_feeds(feeds)
    if found or settings is None:
        raise ContractError(in_order(found))
    return Project(
        folder=folder,
        name=settings.name,
        region=settings.region,
        alerts=settings.alerts,
        logs=settings.logs,
        encryption=settings.encryption,
        tracing=settings.tracing,
        architecture=settings.architecture,
        tags=settings.tags,
        landing=settings.landing,
        permissions_boundary=settings.permissions_boundary,
        vpc=settings.vpc,
        feeds=tuple(feed.contract for feed in feeds),
        paths=tuple(feed.path for feed in feeds),
    )


def _name_room(problem: Placed) -> Placed:
    """Say of a contract's key that stands at the top of the project where it belongs, and not which key it resembles."""
    own = set(keys_of(ProjectModel))
    if len(problem.path) != 1 or problem.path[0] in own or problem.path[0] not in keys_of(Contract):
        return problem
    return replace(problem, message="belongs in a contract, or under `defaults` for all contracts")


def _check_key(root: Node, settings: ProjectModel | None) -> Iterator[Placed]:
    """A key serves its own region alone."""
    key = settings and settings.encryption.key
    if settings and key and settings.region not in {None, key.split(":")[3]}:
        path = ("encryption", "key")
        message = f"is a key of {key.split(':')[3]}, and the project is in {settings.region}: name one of its own region"
        yield Placed(root.place_of(path), path, message)


def _check_landing(root: Node, settings: ProjectModel | None) -> Iterator[Placed]:
    """A key without a bucket is that of no bucket: the project's own has one that the project says elsewhere."""
    if settings is not None and settings.landing.key is not None and settings.landing.bucket is None:
        path = ("landing", "key")
        yield Placed(root.place_of(path), path, "is the key of `landing.bucket`, which is not said")


def _check_defaults(defaults: Node | None) -> Iterator[Placed]:
    if defaults is None or not isinstance(defaults.value, dict):
        return
    known = keys_of(Contract)
    for key, node in defaults.value.items():
        if key in {"name", "penstock"}:
            yield Placed(node.place, ("defaults", key), "is each contract's own; it has no default")
        elif key not in known:
            yield Placed(node.place, ("defaults", key), f"unknown key{suggest(key, known)}")


def _read_feeds(folder: Path, defaults: Node | None, found: list[Placed]) -> Iterator[_Feed]:
    contracts = folder / CONTRACTS_FOLDER
    paths = sorted(path for path in contracts.glob("*") if path.suffix in {".yaml", ".yml"})
    if not paths:
        found.append(
            Placed(Place(str(folder / PROJECT_FILE), 1), (), f"there are no contracts in {contracts}/*.yaml")
        )
    if defaults is not None:
        known = set(keys_of(Contract)) - {"name", "penstock"}
        defaults = Node(defaults.place, {key: node for key, node in defaults.value.items() if key in known})
    for path in paths:
        if path.suffix == ".yml":
            message = f"a contract's file ends in .yaml; rename it to {path.stem}.yaml"
            found.append(Placed(Place(str(path), 1), (), message))
            continue
        contract, problems = examine(path, defaults)
        found += problems
        if contract is not None:
            yield _Feed(path, contract)


def _resolve(feeds: list[_Feed], found: list[Placed]) -> list[_Feed]:
    """Give the references to feeds their contracts. Where some could not be read, a feed may be missing for that."""
    by_name = {feed.contract.name: feed.contract for feed in feeds}
    complete, resolved = not found, []
    for feed in feeds:
        contract, problems = resolve_feeds(feed.contract, by_name, by_name)
        resolved.append(replace(feed, contract=contract))
        found += [feed.problem(p.message, *map(str, p.path)) for p in problems if complete]
    return resolved


def _check_feeds(feeds: Iterable[_Feed]) -> Iterator[Placed]:
    for first, second in combinations(feeds, 2):
        one, two = first.contract, second.contract
        if one.name == two.name:
            yield second.problem(f"{first.path} is called {one.name} too", "name")
        if _overlap(one, two):
            yield second.problem(
                f"overlaps with {first.path} ({one.source.prefix}*{one.source.suffix}): an object can be of both feeds, "
                "and S3 refuses such notifications; give each feed a prefix of its own",
                "source",
                "prefix",
            )
        if one.load.table == two.load.table:
            yield from _check_one_table(first, second)


def _overlap(one: Contract, two: Contract) -> bool:
    prefixes, suffixes = (one.source.prefix, two.source.prefix), (one.source.suffix, two.source.suffix)
    return any(a.startswith(b) for a, b in (prefixes, prefixes[::-1])) and any(
        a.endswith(b) for a, b in (suffixes, suffixes[::-1])
    )


def _check_one_table(first: _Feed, second: _Feed) -> Iterator[Placed]:
    """Feeds that write one table must agree on what it is."""
    one, two = _table_design(first.contract), _table_design(second.contract)
    for key in one.keys() & two.keys():
        if one[key] != two[key]:
            yield second.problem(
                f"differs from {first.path}, which writes the same table {first.contract.load.table}",
                "load",
                key,
            )


def _table_design(contract: Contract) -> dict[str, Any]:
    """What a feed says of its table; one that says that the table exists says little."""
    load = contract.load
    keys = load.items[0] if load.items else load
    design: dict[str, Any] = {
        "partition_key": _attribute(keys.partition_key),
        "sort_key": _attribute(keys.sort_key),
        "ttl": _attribute(load.ttl),
    }
    if load.table_exists:
        return design
    return design | {
        "indexes": {
            (index.name, _attribute(index.partition_key), _attribute(index.sort_key), index.projection)
            for index in load.indexes
        },
        "stream": load.stream,
        "billing": load.billing,
        "read_capacity": load.read_capacity,
        "write_capacity": load.write_capacity,
    }


def _attribute(key: Any) -> str | None:
    name = getattr(key, "name", key)
    return name if name is None else str(name)
