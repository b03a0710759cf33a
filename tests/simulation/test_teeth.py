"""Without any one of the guards the simulation finds a broken promise, and with it none in the same history.

So it would find the guard's loss.
"""

from itertools import count

import pytest
from guards import GUARDS, Guard
from simulate import simulate


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name.replace(" ", "-"))
def test_a_guard_that_is_gone_is_missed(guard: Guard) -> None:
    with pytest.MonkeyPatch.context() as patch:
        guard.remove(patch)
        seed = next(seed for seed in count() if seed == guard.seeds or simulate(guard.shape(seed))[1])
    assert seed < guard.seeds, guard.keeps
    assert simulate(guard.shape(seed))[1] == []
