"""Whether a feed is told of what lands: from the bucket, through rule, queue and mapping, to the function."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from penstock.stack.doctor.finding import FeedSubject, Finding, Subject, find, looking
from penstock.stack.doctor.keys import Locked, check_allowed
from penstock.stack.existing_bucket import EVENT_BRIDGE
from penstock.stack.resources.resource_policies import event_source, queue_policy

_CREATED: Final = {"s3:ObjectCreated:*"}


def check_bucket(subject: Subject) -> Iterator[Finding]:
    """Look whether the landing bucket is there, and, where it is not the project's, whether it tells EventBridge."""
    names = subject.names
    bucket = names.landing_bucket
    found = _read_notifications(subject)
    if found is None:
        do = "Make it, or correct `landing.bucket`." if names.existing_bucket else subject.make_missing
        yield Finding("bucket", None, "problem", f"there is no bucket {bucket}", do)
    elif names.existing_bucket and EVENT_BRIDGE not in found:
        text = f"the bucket {bucket} does not tell EventBridge, so that nobody hears of what lands there"
        yield Finding(
            "bucket",
            None,
            "problem",
            text,
            f"{subject.deploy}, which turns it on, or prints the command for its owner",
        )
    else:
        told = " and tells EventBridge" if names.existing_bucket else ""
        yield Finding("bucket", None, "ok", f"{bucket} is there{told}")
    if found is not None and names.existing_bucket:
        yield from _check_key(subject, bucket)


def _check_key(subject: Subject, bucket: str) -> Iterator[Finding]:
    """Look what objects are encrypted with that say nothing else themselves."""
    s3, names = subject.client("s3"), subject.names
    found = find(
        f"the encryption of the bucket {bucket}",
        "s3:GetEncryptionConfiguration",
        lambda: s3.get_bucket_encryption(Bucket=bucket, ExpectedBucketOwner=names.account),
    )
    rules = [] if found is None else found["ServerSideEncryptionConfiguration"]["Rules"]
    for rule in rules:
        key = rule.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID")
        if key is not None:  # without one it is that of S3 itself
            so_that = "no file can be read that has no other key"
            locked = Locked("bucket", None, bucket, key, names.existing_key, "`landing.key`", so_that)
            yield from check_allowed(subject, locked)


def _read_notifications(subject: Subject) -> Mapping[str, Any] | None:
    bucket, owner, s3 = subject.names.landing_bucket, subject.names.account, subject.client("s3")
    found = find(
        f"the notifications of the bucket {bucket}",
        f"s3:GetBucketNotification, on a bucket of the account {subject.names.account}",
        # Another account's bucket tells that one's EventBridge, and its name says nothing of whose it is.
        lambda: s3.get_bucket_notification_configuration(Bucket=bucket, ExpectedBucketOwner=owner),
    )
    return None if found is None else dict(found)


def check_events(subject: FeedSubject) -> Iterator[Finding]:
    """Follow the way of a feed's events, and name each place where it is broken."""
    name = subject.contract.name
    if subject.whole.names.existing_bucket:
        found = list(_check_rule(subject))
    else:
        found = list(_check_notification(subject))
    found += _check_permission(subject) if subject.direct else _check_queue(subject)
    to = subject.own.function if subject.direct else subject.own.queue
    yield from found or [Finding("events", name, "ok", f"what lands is told to {to}, which lets it in")]


def _check_notification(subject: FeedSubject) -> Iterator[Finding]:
    configuration = _read_notifications(subject.whole)
    if configuration is None:
        return  # which the bucket's own check says
    contract, own = subject.contract, subject.own
    kind, key = (
        ("LambdaFunctionConfigurations", "LambdaFunctionArn")
        if subject.direct
        else ("QueueConfigurations", "QueueArn")
    )
    arn = own.function_arn if subject.direct else own.queue_arn
    mine = [
        entry
        for entry in configuration.get(kind, [])
        if entry[key] == arn and set(entry["Events"]) >= _CREATED
    ]
    bucket = subject.whole.names.landing_bucket
    # What is missing is no change to CloudFormation, which believes that its last deploy is still what is there.
    do = f"Put it back in the bucket's properties, or: {subject.whole.make_anew}"
    if not mine:
        yield Finding("events", contract.name, "problem", f"the bucket {bucket} does not tell {arn}", do)
    elif not any(_filter(entry) == (contract.source.prefix, contract.source.suffix) for entry in mine):
        seen = " and ".join(f"{prefix}*{suffix}" for prefix, suffix in map(_filter, mine))
        text = f"the bucket {bucket} tells {arn} of {seen}, and not of {contract.source.prefix}*{contract.source.suffix}"
        yield Finding("events", contract.name, "problem", text, subject.whole.deploy)


def _filter(entry: Mapping[str, Any]) -> tuple[str, str]:
    rules = entry.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    values = {rule["Name"].lower(): rule["Value"] for rule in rules}
    return values.get("prefix", ""), values.get("suffix", "")


def _check_rule(subject: FeedSubject) -> Iterator[Finding]:
    events, own, name = subject.client("events"), subject.own, subject.contract.name
    rule = find(f"the rule {own.rule}", "events:DescribeRule", lambda: events.describe_rule(Name=own.rule))
    if rule is None:
        yield Finding(
            "events",
            name,
            "problem",
            f"there is no rule {own.rule} in EventBridge",
            subject.whole.make_missing,
        )
        return
    if rule.get("State") == "DISABLED":
        do = f"aws events enable-rule --name {own.rule}"
        yield Finding("events", name, "problem", f"the rule {own.rule} is disabled", do)
    arn = own.function_arn if subject.direct else own.queue_arn
    with looking(f"the targets of the rule {own.rule}", "events:ListTargetsByRule"):
        targets = events.list_targets_by_rule(Rule=own.rule)["Targets"]
    if not any(target["Arn"] == arn for target in targets):
        do = f"aws events put-targets --rule {own.rule} --targets Id=loader,Arn={arn}"
        yield Finding("events", name, "problem", f"the rule {own.rule} does not tell {arn}", do)


def _check_queue(subject: FeedSubject) -> Iterator[Finding]:
    sqs, own, name = subject.client("sqs"), subject.own, subject.contract.name
    url = find(
        f"the queue {own.queue}",
        "sqs:GetQueueUrl",
        lambda: sqs.get_queue_url(QueueName=own.queue)["QueueUrl"],
    )
    if url is None:
        yield Finding("events", name, "problem", f"there is no queue {own.queue}", _by_hand(subject))
        return
    with looking(f"the queue {own.queue}", "sqs:GetQueueAttributes"):
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"]).get("Attributes", {})
    allowed = json.loads(found.get("Policy") or "{}").get("Statement", [])
    wanted = [one for one in queue_policy(subject.whole.names, name)["Statement"] if one["Effect"] == "Allow"]
    if not {_canonical(one) for one in wanted} <= {_canonical(one) for one in allowed}:
        service, source = event_source(subject.whole.names, name)
        text = f"the policy of the queue {own.queue} is not the project's: it may not let {source} in ({service})"
        yield Finding("events", name, "problem", text, _by_hand(subject))
    yield from _check_mapping(subject)


def _canonical(part: Any) -> str:
    """Give text that is the same for what means the same in a policy: services write it in other ways than they were given it."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key.lower(): plain(inner) for key, inner in value.items()}
        return sorted(str(one).lower() for one in (value if isinstance(value, list) else [value]))

    return json.dumps(plain(part), sort_keys=True)


def _by_hand(subject: FeedSubject) -> str:
    return f"{subject.whole.make_anew} CloudFormation does not see what was changed by hand."


def _check_mapping(subject: FeedSubject) -> Iterator[Finding]:
    own, name = subject.own, subject.contract.name
    with looking(f"who takes from the queue {own.queue}", "lambda:ListEventSourceMappings"):
        found = subject.client("lambda").list_event_source_mappings(EventSourceArn=own.queue_arn)
    mine = [one for one in found["EventSourceMappings"] if one["FunctionArn"].startswith(own.function_arn)]
    if not mine:
        text = f"the function {own.function} takes nothing from its queue: there is no event source mapping"
        yield Finding("events", name, "problem", text, _by_hand(subject))
        return
    state = mine[0]["State"]
    if state in {"Disabled", "Disabling"}:
        do = f"aws lambda update-event-source-mapping --uuid {mine[0]['UUID']} --enabled"
        text = (
            f"the function {own.function} takes nothing from its queue: its event source mapping is disabled"
        )
        yield Finding("events", name, "problem", text, do)


def _check_permission(subject: FeedSubject) -> Iterator[Finding]:
    own, name, client = subject.own, subject.contract.name, subject.client("lambda")
    found = find(
        f"the policy of the function {own.function}",
        "lambda:GetPolicy",
        lambda: client.get_policy(FunctionName=own.function)["Policy"],
    )
    service, source = event_source(subject.whole.names, name)
    statements = json.loads(found or "{}").get("Statement", [])
    if not any(_lets_in(statement, service, source) for statement in statements):
        text = f"the function {own.function} does not let {source} call it ({service})"
        do = (
            f"aws lambda add-permission --function-name {own.function} --statement-id penstock --action lambda:InvokeFunction "
            f"--principal {service} --source-arn {source} --source-account {subject.whole.names.account}"
        )
        yield Finding("events", name, "problem", text, do)


def _lets_in(statement: Mapping[str, Any], service: str, source: str) -> bool:
    conditions = statement.get("Condition", {}).values()
    sources = {value for one in conditions for key, value in one.items() if key.lower() == "aws:sourcearn"}
    who = statement.get("Principal")
    return (
        statement.get("Effect") == "Allow"
        and isinstance(who, Mapping)
        and who.get("Service") == service
        and source in sources
    )
