"""What an experiment's checks found, and of which design: they vouch for estimates of that design only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bankmkt.errors import ParameterError, Refused

CHECKS = ("sizes", "balance", "placebo", "attrition", "contact", "neighbours")
"""Names of the checks, by which they are overridden."""


@dataclass(frozen=True)
class Design:
    """How lots were drawn, and between which arms.

    Parameters
    ----------
    arm
        Column of the arm.
    strata
        Columns that lots were drawn within, in any order.
    cluster
        Column of the unit that was drawn as a whole.
    control
        The arm that the others are compared with; None where no arm is.
    """

    arm: str
    strata: tuple[str, ...] = ()
    cluster: str | None = None
    control: str | None = None

    def agrees(self, other: "Design") -> bool:
        """Say whether what is found of one design holds for the other."""
        alike = self.arm == other.arm and set(self.strata) == set(other.strata) and self.cluster == other.cluster
        return alike and (None in (self.control, other.control) or self.control == other.control)

    def __str__(self) -> str:
        """Return the design as one writes it.

        Examples
        --------
        >>> str(Design("arm", ("tier",)))
        "arm='arm', strata=['tier'], cluster=None"
        """
        words = f"arm={self.arm!r}, strata={list(self.strata)}, cluster={self.cluster!r}"
        return words if self.control is None else f"{words}, control={self.control!r}"


@dataclass(frozen=True)
class Checks:
    """What :func:`bankmkt.experiment.check` found.

    Parameters
    ----------
    table
        A row per check that was asked for: check, measure (what ``figure`` is), figure (null if it is about fewer than
        k customers), p_value (null where chance has no part, or nothing could be tested), limit, passed, says (a
        sentence).
    arms
        A row per arm: arm, customers, planned (their expected number).
    balance
        A row per covariate and treated arm: covariate, arm, mean, control (its mean), standardised (the difference in
        standard deviations); within strata; null if about fewer than k customers.
    design
        Arm, strata, cluster and control that were checked.
    """

    table: pd.DataFrame
    arms: pd.DataFrame
    balance: pd.DataFrame
    design: Design

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return bool(self.table["passed"].all())

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the checks that failed."""
        return tuple(self.table.loc[~self.table["passed"], "check"])

    def gate(self, override: Sequence[str] = ()) -> str:
        """Return the note of what was overridden (empty if nothing had to be), or refuse.

        Parameters
        ----------
        override
            Names of failed checks that the reader is willing to answer for.

        Raises
        ------
        Refused
            If a check failed that is not overridden.
        ParameterError
            If there is no such check.
        """
        many = isinstance(override, Sequence | set | frozenset) and not isinstance(override, str)
        if not many or not all(name in CHECKS for name in override):
            raise ParameterError("override", override, f"a list of {', '.join(CHECKS)}", 'such as override=["balance"]')
        says = dict(zip(self.table["check"], self.table["says"], strict=True))
        if withheld := [name for name in self.failed if name not in override]:
            found = "; ".join(f"check of {name}: {says[name]}" for name in withheld)
            raise Refused(
                f"the effect is withheld ({found})",
                todo=f"find out why, or take it upon yourself: override={withheld!r}",
            )
        return "; ".join(f"despite a failed check of {name}: {says[name]}" for name in self.failed)


def passed(checks: Any, override: Sequence[str], design: Design, customers: Mapping[Any, int]) -> str:
    """Return :meth:`Checks.gate`'s note, after making sure that the checks are of this very experiment.

    Parameters
    ----------
    checks
        Of :func:`bankmkt.experiment.check`.
    override
        Names of failed checks that are put up with.
    design
        Of the estimate.
    customers
        Number of customers by arm that the estimate is made from.

    Raises
    ------
    Refused
        If a check failed, or the checks are of another design or of other customers.
    ParameterError
        If they are no checks.
    """
    if not isinstance(checks, Checks):
        raise ParameterError("checks", type(checks).__name__, "what bm.experiment.check found", "pass its result")
    if not checks.design.agrees(design):
        raise Refused(
            f"the checks are of another design ({checks.design}) than the estimate ({design})",
            todo="give both the same arm, strata, cluster and control; what takes no strata or cluster is not for "
            "lots drawn in them: use bm.experiment.effects",
        )
    of = dict(zip(checks.arms["arm"].astype(str), checks.arms["customers"], strict=True))
    if any(of.get(str(name)) != number for name, number in customers.items()):
        raise Refused("the checks are of other customers than the estimate", todo="check the frame that is estimated")
    return checks.gate(override)
