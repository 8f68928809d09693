"""What an experiment is judged by."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bankmkt.errors import ParameterError
from bankmkt.experiment.wording import in_words


@dataclass(frozen=True)
class Metric:
    """What an experiment is judged by.

    Parameters
    ----------
    outcome
        Column of numbers or yes/no.
    per
        Column of the denominator, for a ratio of two sums, such as spending per transaction.
    covariate
        Column known before the experiment that narrows the interval (CUPED): best the outcome's own earlier value.
    covariate_per
        Its denominator, for a ratio.
    winsorise
        Share of customers at either end, such as 0.01, whose outcomes are drawn in to that quantile of all arms
        together; 0 for none. The effect is then that on the outcome so limited: less exposed to a few customers, and
        usually smaller.
    limits
        The two limits themselves, if they were fixed in advance; instead of ``winsorise``.
    nonzero
        Whether the quantiles are those of customers whose outcome is not 0, who stay 0: for money that few spend.
    """

    outcome: str
    per: str | None = None
    covariate: str | None = None
    covariate_per: str | None = None
    winsorise: float = 0.0
    limits: tuple[float, float] | None = None
    nonzero: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for name in ("outcome", "per", "covariate", "covariate_per"):
            value = getattr(self, name)
            if not isinstance(value, str) and (value is not None or name == "outcome"):
                raise ParameterError(name, value, "the name of a column", "one of the frame's")
        if self.covariate_per is not None and (self.covariate is None or self.per is None):
            raise ParameterError("covariate_per", self.covariate_per, "a ratio with a covariate", "give all four")
        if self.covariate == self.outcome:
            raise ParameterError("covariate", self.covariate, "another column than the outcome", "known before it")
        share = self.winsorise
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < 0.5:
            raise ParameterError("winsorise", share, "a share from 0 and below 0.5", "such as 0.01")
        if self.limits is not None and not _ends(self.limits):
            raise ParameterError("limits", self.limits, "a lower and an upper limit", "such as (0.0, 5000.0)")

    @property
    def sources(self) -> tuple[str, str | None, str | None, str | None]:
        """Outcome, its denominator, covariate, its denominator."""
        return self.outcome, self.per, self.covariate, self.covariate_per

    @property
    def note(self) -> str:
        """What the reader must know of it."""
        words = []
        if self.per:
            words.append(f"{self.outcome} per {self.per}")
        if self.limits is not None:
            words.append(f"limited to {self.limits[0]:,.10g} to {self.limits[1]:,.10g}")
        elif self.winsorise:
            among = f" of those whose {in_words(self.outcome)} is not 0" if self.nonzero else ""
            words.append(f"the outermost {100 * self.winsorise:.3g}% at either end{among} drawn in")
        if self.covariate:
            words.append(f"adjusted for {in_words(self.covariate)}")
        return "; ".join(words)


def _ends(limits: Any) -> bool:
    """Say whether these are a lower and an upper limit."""
    if not isinstance(limits, tuple | list) or len(limits) != 2:
        return False
    return all(isinstance(end, int | float | np.number) for end in limits) and bool(limits[0] < limits[1])
