"""What the best choice would have been in hindsight, where the truth is known, luck included."""

from collections.abc import Sequence

from bankmkt.uplift.policy_solver import Integers, Limit, solve
from bankmkt.uplift.study import Study


def regret(study: Study, cell: Integers, limits: Sequence[Limit], seed: int) -> Integers | None:
    """Return the choice by whoever knows every customer's true effect, under the same limits; None without truth.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> truth = np.tile([-0.1, 0.2], 20)
    >>> study = Study(pd.DataFrame({"x": truth}), [0, 1] * 20, [0.0, 1.0] * 20, propensity=0.5, truth=truth)
    >>> regret(study, np.zeros(40, int), [], 7)[:4].tolist()
    [0, 1, 0, 1]
    """
    if study.truth is None:
        return None
    return solve(study.value * study.truth - study.cost[1:], cell, limits, seed=seed).arm
