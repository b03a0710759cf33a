import pytest

from penstock.aws.settings import read_settings
from penstock.errors import UsageError

SET = {
    "PENSTOCK_PROJECT": "shop",
    "PENSTOCK_FEED": "orders",
    "PENSTOCK_LEDGER": "shop_penstock_ledger",
    "PENSTOCK_ARTIFACTS": "shop-artifacts",
    "LAMBDA_TASK_ROOT": "/var/task",
}


def test_the_database_gets_a_third_of_the_functions_memory() -> None:
    assert read_settings({**SET, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769"}).memory_mb == 589


def test_the_sample_of_the_log_is_a_share() -> None:
    assert read_settings(SET).debug_share == 0
    assert read_settings({**SET, "PENSTOCK_DEBUG_SHARE": "0.005"}).debug_share == 0.005


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        read_settings({"PENSTOCK_FEED": "orders"})
    assert all(name in str(caught.value) for name in SET if name != "PENSTOCK_FEED")


def test_what_hands_large_objects_over_is_told_in_numbers() -> None:
    told = {
        "PENSTOCK_STATE_MACHINE": "arn:aws:states:us-east-1:000000000000:stateMachine:shop_orders",
        "PENSTOCK_LARGE_BYTES": "1000",
        "PENSTOCK_CHUNK_BYTES": "100",
        "PENSTOCK_CHUNK_CONCURRENCY": "7",
        "PENSTOCK_CONCURRENCY": "5",
    }
    found = read_settings({**SET, **told})
    assert found.state_machine == told["PENSTOCK_STATE_MACHINE"]
    assert (found.large_bytes, found.chunk_bytes) == (1000, 100)
    assert (found.chunk_concurrency, found.concurrency) == (7, 5)
    assert read_settings(SET).state_machine is None
    with pytest.raises(
        UsageError, match=r"PENSTOCK_LARGE_BYTES is no number.*PENSTOCK_CONCURRENCY is no number"
    ):
        read_settings({**SET, "PENSTOCK_LARGE_BYTES": "many", "PENSTOCK_CONCURRENCY": "0"})


def test_the_job_in_glue_is_there_where_the_stack_has_made_one() -> None:
    assert read_settings({**SET, "PENSTOCK_JOB": "shop_orders"}).job == "shop_orders"
    assert read_settings(SET).job is None
