"""A generated bank in an analyst's hands: run a campaign of one's own, get the months after it."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.bank import Bank, open_bank
from bankmkt.errors import DataError, ParameterError, SchemaError, one_of
from bankmkt.frames import engine_table, fetch
from bankmkt.schema import OUTCOMES
from bankmkt.synth.offers import ARMS, FIRST_OWN, OFFERS, Own
from bankmkt.synth.produce import check_whole, going_on, make_bank

if TYPE_CHECKING:
    import pandas as pd

Arms = dict[str, np.ndarray]
"""``customer_id``, ``arm`` (its place, 0 for the control) and ``propensity``, sorted by customer."""

_NEEDED = ("customer_id", "arm", "propensity")
_SHOWN = 3


class World:
    """A generated bank whose next months an analyst decides on.

    Parameters
    ----------
    bank : Bank or path
        Made by :func:`bankmkt.generate`, with all its months; on disk, where its hidden state lies beside its tables.

    Attributes
    ----------
    bank : Bank
        What a real analyst would see.

    Raises
    ------
    DataError
        If the bank was not made by this package's model, or is seen as of an earlier day.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import bankmkt as bm
    >>> home = pathlib.Path(tempfile.mkdtemp())
    >>> world = World(bm.generate(home / "now", customers=300, months=3, workers=1, progress=False))
    >>> people = world.bank.customers.filter(world.bank.customers.closed_on.isnull()).select("customer_id")
    >>> drawn = bm.experiment.assign(people, "autumn", {"control": 0.5, "treatment": 0.5})
    >>> later = world.run(drawn, {"treatment": "fund_call"}, name="autumn", out=home / "later", progress=False)
    >>> len(later.bank.months), "autumn" in later.bank.frame(later.bank.campaigns).name.to_list()
    (6, True)
    """

    def __init__(self, bank: Bank | str | Path) -> None:
        self.bank = bank if isinstance(bank, Bank) else open_bank(bank)
        if self.bank.path is None or self.bank.date is not None:
            raise DataError(
                "bank", repr(self.bank), "a generated bank with all its months", "open the folder of bm.generate"
            )
        self.path: Path = self.bank.path
        going_on(self.path, self.path, 1)

    def __repr__(self) -> str:
        return f"World({self.bank!r})"

    def run(
        self,
        assignment: Any,
        offers: Mapping[str, str],
        *,
        name: str,
        out: str | os.PathLike[str],
        months: int = 3,
        outcome: str = "conversion",
        workers: int | None = None,
        progress: bool = True,
    ) -> "World":
        """Run a campaign from the first day of the next month, and let the bank go on to the end of its window.

        Parameters
        ----------
        assignment : pandas.DataFrame or ibis table
            As :func:`bankmkt.experiment.assign` returns it: customer_id, arm (``"control"`` or one of
            ``"treatment"``, ``"treatment_b"``, ``"treatment_c"``), propensity (the chance of this arm); rows without
            an arm (left out) are not in the campaign.
        offers : mapping of str to str
            What each treated arm gets: names from :func:`bankmkt.synth.offers`.
        name : str
            Of the campaign; no other campaign of the bank may have it.
        out : path
            Folder of the new bank, as for :func:`bankmkt.synth.advance_bank`.
        months : int
            How many months to add; outcomes are measured at their end.
        outcome : str
            What the campaign is judged by first: one of ``schema.OUTCOMES``. If its offers sell one product,
            conversion is buying it, else a login in the last month.
        workers, progress
            As of :func:`bankmkt.generate`.

        Returns
        -------
        World
            Of the new bank. The campaign is in its tables like any other, ``truth`` with the outcome in every arm:
            ``y0``, ``y1``, and ``y1_b`` and ``y1_c`` if there are such arms.

        Raises
        ------
        SchemaError, ParameterError, DataError
            If an argument is not as above: it names the customers who are unknown, have closed their account or come
            twice, the arms and offers that there are not, the propensities that are missing.

        Notes
        -----
        The same bank, assignment and arguments give the same bytes for any number of workers. Offers change
        customers by the laws of the bank's own campaigns (``docs/synthetic-bank.md``); who has asked to be left alone
        is not contacted.
        """
        check_whole("months", months, 1, 12)
        if outcome not in OUTCOMES:
            raise ParameterError("outcome", outcome, one_of(OUTCOMES), "choose one of them")
        chosen = check_offers(offers)
        known = self.bank.fetch(self.bank.campaigns.select("name"))["name"].to_pylist()
        if not isinstance(name, str) or not name.isidentifier() or name in known:
            raise ParameterError("name", name, "a new name in snake_case", f"such as autumn; taken: {', '.join(known)}")
        arms = self._arms(assignment, ("control", *chosen))
        job = going_on(self.path, out, months)
        sizes = np.bincount(arms["arm"], minlength=len(chosen) + 1)[1:]
        budget = float(sum(n * OFFERS[offer].cost for n, offer in zip(sizes, chosen.values(), strict=True)))
        own = Own(
            FIRST_OWN + len(job.plan.own), name, job.first, months, tuple(chosen.values()), _drawn_by(arms), outcome,
            round(budget, 2),
        )  # fmt: skip
        return World(make_bank(job.with_campaign(own, _digest(arms)), workers, progress, arms))

    def _arms(self, assignment: Any, names: tuple[str, ...]) -> Arms:
        """Return who is in which arm, after checking that it can be."""
        frame = _rows(assignment)
        wrong = frame.loc[~frame["arm"].isin(names), "arm"]
        if len(wrong):
            todo = "pass the arms of experiment.assign, and an offer for each treated one"
            raise ParameterError("arm", wrong.iloc[0], one_of(names), todo)
        chance = frame["propensity"].to_numpy(dtype=float, na_value=np.nan)
        if not ((chance > 0) & (chance <= 1)).all():
            what = f"{int((~((chance > 0) & (chance <= 1))).sum()):,} rows"
            raise DataError("propensity", what, "a chance above 0 and up to 1 for everybody in an arm",
                            "record what experiment.assign drew by")  # fmt: skip
        ids = frame["customer_id"]
        t = self.bank.customers
        people = self.bank.fetch(
            t.select("customer_id", gone=t.closed_on.notnull(), late=t.opened_on > max(self.bank.months))
        )
        state = {key: np.asarray(people[key]) for key in ("customer_id", "gone", "late")}
        there = state["customer_id"][~state["late"]]
        for what, bad in (
            ("twice", ids[ids.duplicated()]),
            ("not customers of the bank", ids[~ids.isin(there)]),
            ("of customers who have closed their account", ids[ids.isin(state["customer_id"][state["gone"]])]),
        ):
            if len(bad):
                shown = f"{len(bad):,} {what}, such as {', '.join(str(i) for i in sorted(set(bad))[:_SHOWN])}"
                raise DataError("customer_id", shown, "each open customer at most once", "leave these rows out")
        order = np.argsort(ids.to_numpy())
        place = {arm: number for number, arm in enumerate(names)}
        return {
            "customer_id": ids.to_numpy(dtype=np.int64)[order],
            "arm": frame["arm"].map(place).to_numpy(dtype=np.int64)[order],
            "propensity": chance[order],
        }


def check_offers(offers: Mapping[str, str]) -> dict[str, str]:
    """Return the offers by treated arm, or raise ParameterError unless they are known and the arms without a gap."""
    usual = 'such as {"treatment": "fund_push", "treatment_b": "fund_call"}'
    if not isinstance(offers, Mapping) or not offers:
        raise ParameterError("offers", offers, "an offer for each treated arm", usual)
    arms = ARMS[: len(offers)]
    if set(offers) != set(arms):
        raise ParameterError("offers", sorted(map(str, offers)), f"the arms {', '.join(arms)}", usual)
    for arm in arms:
        if offers[arm] not in OFFERS:
            raise ParameterError(f"offers[{arm!r}]", offers[arm], one_of(OFFERS), "bm.synth.offers() describes them")
    return {arm: offers[arm] for arm in arms}


def _rows(assignment: Any) -> "pd.DataFrame":
    """Return the rows of an assignment that are in an arm."""
    if not hasattr(assignment, "columns"):
        raise ParameterError("assignment", type(assignment).__name__, "a table", "pass what experiment.assign returned")
    table, _ = engine_table(assignment, "assignment")
    for column in _NEEDED:
        if column not in table.columns:
            raise SchemaError(
                "assignment has no column", column, one_of(_NEEDED), "pass what experiment.assign returned"
            )
    if not table.customer_id.type().is_integer():
        raise SchemaError("column customer_id", str(table.customer_id.type()), "whole numbers", "pass the bank's ids")
    frame = fetch(table.filter(table.arm.notnull()).select(*_NEEDED)).to_pandas()
    if frame.empty:
        raise DataError("assignment", "nobody in an arm", "a row per customer of the campaign", "draw arms first")
    if gone := int(frame["customer_id"].isna().sum()):
        raise DataError("customer_id", f"{gone:,} missing", "an id in every row", "leave these rows out")
    return frame


def _drawn_by(arms: Arms) -> str:
    """Return whether the chance of an arm was the same for everybody, as the table ``campaigns`` calls it."""
    same = all(np.ptp(arms["propensity"][arms["arm"] == arm]) < 1e-9 for arm in np.unique(arms["arm"]))
    return "randomised" if same and (arms["propensity"] < 1).all() else "targeted"


def _digest(arms: Arms) -> str:
    return hashlib.sha256(b"".join(np.ascontiguousarray(values).tobytes() for values in arms.values())).hexdigest()
