"""The job of a feed in Glue."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.stack.doctor.finding import FeedSubject, Finding, find
from penstock.stack.resources.glue import has_job


def check_job(subject: FeedSubject) -> Iterator[Finding]:
    """Look whether the job is there, where the contract asks for one."""
    name, job = subject.contract.name, subject.own.job
    if not has_job(subject.plan):
        return
    deployed = [template for template in subject.whole.templates if template.feed == name]
    if not any("Job" in template.body["Resources"] for template in deployed):
        text = "there is no Glue here to have a job: the function does what it can"
        yield Finding("job", name, "ok", text)
        return
    found = find(f"the job {job}", "glue:GetJob", lambda: subject.client("glue").get_job(JobName=job))
    if found is None:
        text = f"there is no job {job} in Glue: large objects can't be loaded"
        yield Finding("job", name, "problem", text, subject.whole.make_anew)
        return
    size = f"{found['Job']['NumberOfWorkers']} workers {found['Job']['WorkerType']}"
    yield Finding("job", name, "ok", f"the job {job} is there, with {size}")
