"""Whether somebody is told when something needs a person."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.stack.doctor.finding import Finding, Subject, find


def check_alerts(subject: Subject) -> Iterator[Finding]:
    """Look at the topic and at who is subscribed to it; an address that has not confirmed gets nothing."""
    topic, sns = subject.names.topic_arn, subject.client("sns")
    pages = find(
        f"the subscriptions of {topic}",
        "sns:ListSubscriptionsByTopic",
        lambda: list(sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)),
    )
    if pages is None:
        yield Finding("alerts", None, "problem", f"there is no topic {topic}", subject.make_missing)
        return
    found = [one for page in pages for one in page["Subscriptions"]]
    pending = {one["Endpoint"] for one in found if not one["SubscriptionArn"].startswith("arn:")}
    confirmed = {one["Endpoint"] for one in found} - pending
    for email in sorted(set(subject.project.alerts.email) - confirmed):
        if email in pending:
            do = 'Open the message "AWS Notification - Subscription Confirmation" there, and confirm.'
            yield Finding("alerts", None, "problem", f"{email} has not confirmed, and is told nothing", do)
        else:
            text = f"{email} is not subscribed, or has unsubscribed"
            do = f"aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint {email}"
            yield Finding("alerts", None, "problem", text, do)
    if confirmed:
        yield Finding("alerts", None, "ok", f"{len(confirmed)} confirmed to be told")
    elif not subject.project.alerts.email:
        do = "Name somebody in penstock.yaml: `alerts: {email: [...]}`, and deploy."
        yield Finding("alerts", None, "warning", "nobody is told when something needs a person", do)
