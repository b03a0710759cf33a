"""Without any one of the guards the simulation finds a broken promise, and with it none in the same history.

So it would find the guard's loss.
"""

import pytest
from guards import GUARDS, Guard
from simulate import simulate


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name.replace(" ", "-"))
def test_a_guard_that_is_gone_is_missed(guard: Guard) -> None:
    with pytest.MonkeyPatch.context() as patch:
        guard.remove(patch)
        seeds = range(guard.start, guard.start + guard.seeds)
        missed = next((seed for seed in seeds if simulate(guard.shape(seed))[1]), None)
    assert missed is not None, guard.keeps
    assert simulate(guard.shape(missed))[1] == []
