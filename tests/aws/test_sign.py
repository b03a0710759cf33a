"""A request's signature is the one that botocore makes for it."""

from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from penstock.aws.table.sign import Endpoint, Keys, Signer

TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)
KEYS = st.builds(Keys, TEXT, TEXT, st.none() | TEXT)
REGIONS = st.sampled_from(["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1", "ap-southeast-4"])
HOSTS = st.sampled_from(
    [
        "dynamodb.{}.amazonaws.com",
        "dynamodb-fips.{}.amazonaws.com",
        "127.0.0.1:8000",
        "[::1]:4566",
        "localhost",
    ]
)
SECONDS = st.integers(0, int(datetime(2099, 12, 31, tzinfo=UTC).timestamp()))


def read_head(head: bytes) -> tuple[str, dict[str, str]]:
    first, *lines = head.decode().removesuffix("\r\n\r\n").split("\r\n")
    return first, {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


@given(KEYS, REGIONS, HOSTS, SECONDS, st.binary(max_size=3000))
def test_the_signature_equals_botocore_s(
    keys: Keys, region: str, host: str, second: int, body: bytes
) -> None:
    host = host.format(region)
    signer = Signer(Endpoint(host, region), "BatchWriteItem", lambda: keys, lambda: second + 0.9)
    first, sent = read_head(signer.head(body))
    assert first == "POST / HTTP/1.1"
    assert sent.pop("content-length") == str(len(body))

    request = AWSRequest("POST", f"https://{host}/", data=body)
    signature = sent.pop("authorization")
    for name, value in sent.items():
        request.headers[name] = value
    moment = datetime.fromtimestamp(second, UTC).strftime("%Y%m%dT%H%M%SZ")
    assert sent["x-amz-date"] == moment
    assert sent.get("x-amz-security-token") == keys.token
    request.context["timestamp"] = moment
    theirs = SigV4Auth(Credentials(*keys), "dynamodb", region)
    to_sign = theirs.string_to_sign(request, theirs.canonical_request(request))
    theirs._inject_signature_to_request(request, theirs.signature(to_sign, request))
    assert signature == request.headers["Authorization"]


def test_the_whole_head_is_what_botocore_would_send(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime(2026, 11, 23, 10, 0, 0)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: moment)
    keys = Keys("AKID", "secret", "token")
    signer = Signer(
        Endpoint("dynamodb.eu-west-1.amazonaws.com", "eu-west-1"),
        "BatchWriteItem",
        lambda: keys,
        moment.replace(tzinfo=UTC).timestamp,
    )
    _, sent = read_head(signer.head(b"{}"))
    wanted = ("content-type", "x-amz-target", "user-agent")
    request = AWSRequest(
        "POST",
        "https://dynamodb.eu-west-1.amazonaws.com/",
        data=b"{}",
        headers={name: sent[name] for name in wanted},
    )
    SigV4Auth(Credentials(*keys), "dynamodb", "eu-west-1").add_auth(request)
    theirs = {name.lower(): value for name, value in request.prepare().headers.items()}
    assert sent.pop("host") == "dynamodb.eu-west-1.amazonaws.com"
    assert sent == theirs


def test_new_credentials_and_a_new_day_sign_from_their_first_second_on() -> None:
    now = [1_795_391_999.5]  # half a second before midnight
    keys = [Keys("OLD", "secret", None)]
    signer = Signer(Endpoint("h", "r"), "BatchWriteItem", lambda: keys[0], lambda: now[0])
    assert b"Credential=OLD/20261122/r/" in signer.head(b"")
    keys[0] = Keys("NEW", "other", "token")
    now[0] += 1
    fresh = Signer(Endpoint("h", "r"), "BatchWriteItem", lambda: keys[0], lambda: now[0])
    assert b"Credential=NEW/20261123/r/" in signer.head(b"")
    assert signer.head(b"x") == fresh.head(b"x")
