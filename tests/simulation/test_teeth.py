"""Without any one of the guards the simulation finds a broken promise: so it would find the guard's loss."""

import pytest
from guards import GUARDS, Guard
from simulate import simulate


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_guard_that_is_gone_is_missed(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    guard.remove(monkeypatch)
    assert any(simulate(guard.shape(seed))[1] for seed in range(guard.seeds)), guard.keeps
