"""The double of Step Functions goes through the real definition as the embedded one does: by the tests of the state machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from stack_samples import feed, write_project
from test_state_machine_run import (  # noqa: F401 -- collected here once more, for the machine below
    CHUNKS,
    OBJECT,
    PARTITIONS,
    Machine,
    test_a_chunk_that_fails_for_good_fails_the_object,
    test_a_failure_that_can_not_be_told_fails_the_object_all_the_same,
    test_a_step_that_a_service_failed_is_tried_again,
    test_a_step_that_has_not_finished_is_called_again,
    test_a_tolerated_failure_leaves_the_judgement_to_the_finish,
    test_an_object_goes_through_every_step_in_order,
    test_each_step_is_told_of_the_run_and_of_what_it_is_about,
    test_what_can_not_go_otherwise_is_not_tried_again_and_the_object_is_given_free,
    test_where_nothing_is_left_it_finishes,
)
from virtual_lambda import VirtualFunction
from virtual_s3 import Bucket, Store
from virtual_states import VirtualStates
from virtual_time import Schedule
from virtual_wire import Wire

from penstock import errors
from penstock.contract.project import read_project
from penstock.stack.names import Names
from penstock.stack.resources.state_machine import build_definition

NAMES = Names("shop", "123456789012", "eu-central-1")


@dataclass
class VirtualMachine(Machine):
    """A feed's state machine in virtual time."""

    connection: Any = None
    told: list[dict[str, Any]] = field(default_factory=list)

    @property
    def calls(self) -> list[dict[str, Any]]:
        return self.told

    def run(self, answers: Mapping[str, list[dict[str, Any]]] | None = None) -> dict[str, Any]:
        left = {step: [*given] for step, given in (answers or {}).items()}

        def respond(event: Mapping[str, Any], _name: str) -> Any:
            asked = event["penstock"]
            self.told.append(asked)
            parts = (f" {part} {asked[part]}" for part in ("chunk", "partition") if part in asked)
            given = left.get(asked["step"] + "".join(parts), [])
            answer = given.pop(0) if given else {"finished": True}
            if "raise" in answer:
                raise getattr(errors, str(answer["raise"]))("as it was told")
            return answer

        contract = feed("orders", large_objects=self.large_objects)
        (orders,) = read_project(write_project(self.folder, [contract])).feeds
        wire = Wire(Schedule(1))
        store = Store({NAMES.artifacts_bucket: Bucket()}, lambda: wire.schedule.now)
        order = dict(OBJECT)
        for name, entries in (("chunks", CHUNKS), ("partitions", PARTITIONS)):
            order[name] = f"runs/orders/f1/{name}.json"
            store.put(NAMES.artifacts_bucket, order[name], json.dumps(entries).encode())
        states = VirtualStates(wire, VirtualFunction(wire, respond, 30.0), store)
        states.definitions["machine"] = build_definition(NAMES, orders)
        states.start_execution(stateMachineArn="machine", name="e1", input=json.dumps(order))
        wire.schedule.run()
        return {"status": states.executions["e1"].status, "error": states.executions["e1"].error}


@pytest.fixture
def machine(tmp_path: Path) -> VirtualMachine:
    return VirtualMachine(tmp_path)
