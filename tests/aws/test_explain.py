import socket
from typing import Any

import botocore.session
import pytest
from botocore.config import Config

from penstock.aws.dead_letters import find_queue
from penstock.errors import ServiceError


def open_client(endpoint: str) -> Any:
    return botocore.session.Session().create_client(
        "sqs",
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id="nobody",
        aws_secret_access_key="nothing",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


def test_where_nothing_answers_on_this_computer_any_more_the_embedded_aws_is_thought_of() -> None:
    with socket.create_server(("127.0.0.1", 0)) as once:
        endpoint = f"http://127.0.0.1:{once.getsockname()[1]}"
    sqs = open_client(endpoint)
    with pytest.raises(ServiceError) as told:
        find_queue(sqs, "orders")
    assert str(told.value) == (
        f"Could not find the queue orders: the service could not be reached at {endpoint}. "
        "If that is the embedded AWS, it does not run any more: penstock up"
    )


def test_where_aws_can_not_be_reached_the_network_is_thought_of() -> None:
    sqs = open_client("http://penstock.invalid")
    with pytest.raises(ServiceError, match="Check the network"):
        find_queue(sqs, "orders")
