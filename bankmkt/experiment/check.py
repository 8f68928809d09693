"""Whether an experiment is one: the checks that its effects must pass before anybody reads them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import DataError, ParameterError, Refused, SchemaError, one_of
from bankmkt.experiment.arms import Floats, check_columns
from bankmkt.experiment.counted import People
from bankmkt.experiment.design import Checks, Design
from bankmkt.experiment.gate import apart, attrition, before_rows, contact, row, sizes
from bankmkt.experiment.omnibus import WHOLE
from bankmkt.experiment.panel import COVARIATES
from bankmkt.experiment.spill import exposure
from bankmkt.frames import engine_table, fetch
from bankmkt.privacy import K, check_k

MOST = 1.001
"""That chances of all arms may add up to, rounded."""


def check(
    frame: Any,
    *,
    arm: str = "arm",
    control: str = "control",
    planned: Mapping[str, float] | None = None,
    strata: Sequence[str] = (),
    cluster: str | None = None,
    covariates: Sequence[str] | None = None,
    before: Sequence[str] = (),
    outcomes: Sequence[str] = (),
    reached: Sequence[str] = (),
    units: str | None = None,
    k: int = K,
) -> Checks:
    """Test whether arms were drawn as planned and stayed comparable.

    =========== ==========================================================================================
    sizes       as many customers (or units) in each arm as planned, over all strata and in each of them
    balance     the arms alike in everything known before, in one test of all covariates together
    placebo     no effect on the outcome's own value before the start
    attrition   customers without an outcome equally frequent in all arms
    contact     the control left alone: hardly reached by what the treated arms got
    neighbours  customers of the control no different where many of their unit are treated
    =========== ==========================================================================================

    Parameters
    ----------
    frame
        Ibis table or pandas frame, a row per customer, such as of :func:`bankmkt.experiment.panel`. Of an Ibis table
        the columns named here are read in parts, whose sums are all that is kept beyond 100,000 customers.
    arm
        Column of the arm; of a yes/no column, yes is "treatment" and no "control".
    control
        The arm that the others are compared with.
    planned
        Share of each arm; by default from the column ``propensity``, the recorded chance of each customer's own arm
        (the same for all customers of an arm and stratum; arms that are not in the frame are left out of account).
    strata
        Columns that lots were drawn within.
    cluster
        Column of the unit that was drawn as a whole.
    covariates
        Known before: numbers, yes/no or texts. By default those of :data:`bankmkt.experiment.panel.COVARIATES` that
        the frame has.
    before
        Columns with an outcome's earlier value, for the placebo.
    outcomes
        Columns whose missing values are customers lost.
    reached
        Yes/no columns that say whether the campaign got to the customer, such as ``participated``.
    units
        Column of the household, branch or team within which customers may talk; tested on the first of ``outcomes``.
    k
        Smallest arm.

    Returns
    -------
    Checks
        Ask it ``.passed``, or call ``.gate(override=())``.

    Raises
    ------
    Refused
        If an arm has fewer than ``k`` customers, no shares are given or recorded, or the chance differed between
        customers of an arm and stratum.
    ParameterError, SchemaError
        If an argument is not as described.
    DataError
        If a customer is in the frame twice (by ``customer_id``, if it is there), or chances add up to more than 1.

    Notes
    -----
    Each test fails below p = .001, so that five of them refuse a sound experiment in 1 of 200 cases. Small p-values are
    counted by drawing lots again, so that rare events, heavy tails, unequal arms and few units change nothing
    (:func:`bankmkt.experiment.lots.redrawn`). Sizes: chi-square of observed less expected numbers, over all strata and
    stratum by stratum, by Holm's method (two arms without strata: exact binomial); Fabijan et al. (2019), KDD. Balance
    and placebo: :func:`bankmkt.experiment.omnibus.omnibus` of all columns together, numbers as logarithms. Attrition:
    Cochran, Mantel and Haenszel's test of each arm with the control, the smallest p by Holm's method. Neighbours:
    :func:`bankmkt.experiment.spill.exposure`; beyond 100,000 customers in a fixed sample of whole units. What lots
    cannot tell (too few units, nobody beside anybody) is a row that says "not tested".

    Examples
    --------
    >>> people = pd.DataFrame({"arm": ["control", "treatment"] * 20, "propensity": 0.5, "age": range(40)})
    >>> found = check(people, covariates=["age"])
    >>> found.passed, found.table["p_value"].round(2).tolist()
    (True, [1.0, 0.71])
    """
    check_k(k)
    keys = check_columns(frame, arm, strata, cluster)
    if covariates is None:
        covariates = [name for name in COVARIATES if name in frame.columns]
    lists = {"covariates": covariates, "before": before, "outcomes": outcomes, "reached": reached}
    for what, columns in lists.items():
        if isinstance(columns, str) or not isinstance(columns, Sequence):
            raise ParameterError(what, columns, "a list of columns", 'such as ["age"]')
    for name in (*covariates, *before, *outcomes, *reached, *([units] if units else [])):
        if name not in frame.columns:
            raise SchemaError("frame has no column", name, one_of(frame.columns), "add it, or name another")
    _once(frame)
    people = People(frame, arm, str(control), keys, cluster, k)
    people.count(covariates, before, outcomes, reached)
    names, cells = people.names, people.cells
    shares = _shares(cells, names, planned)
    lots = _table(cells.assign(one=1.0), "n" if cluster is None else "one", len(names))
    customers = _table(cells, "n", len(names))
    rows = [sizes(lots, names, shares, "customers" if cluster is None else "units", customers, k)]
    tables = {}
    for name, p, width in people.tests():
        own = covariates if name == "balance" else before
        means = {column: people.means[column] for column in own if column in people.means}
        tables[name] = apart(means, sorted(people.binary), names, people.share, k)
        rows.append(before_rows(name, tables[name], p, lots, width, by_unit=cluster is not None))
    if outcomes:
        lost = {name: f"lost {name}" for name in outcomes}
        rows.append(attrition(cells, lost, names, k, by_unit=cluster is not None))
    rows += contact(cells, {name: f"got {name}" for name in reached}, k)[:1]
    if units is not None and outcomes:
        rows.append(_neighbours(people, units, outcomes[0]))
    expected = (customers.sum(axis=1, keepdims=True) * shares).sum(axis=0)
    counted = pd.DataFrame({"arm": names, "customers": customers.sum(axis=0).astype(int), "planned": expected})
    nothing = apart({}, (), names, people.share, k)
    design = Design(arm, tuple(keys), cluster, str(control))
    return Checks(pd.DataFrame(rows), counted, tables.get("balance", nothing), design)


def _once(frame: Any) -> None:
    """Raise if a customer has several rows."""
    if "customer_id" not in frame.columns:
        return
    if isinstance(frame, pd.DataFrame):
        twice = bool(frame["customer_id"].duplicated().any())
    else:
        table = engine_table(frame, "frame")[0]
        sums = {
            "rows": table.count(),
            "own": table.customer_id.nunique() + table.customer_id.isnull().any().cast("int"),
        }
        found = fetch(table.aggregate(**sums)).to_pylist()[0]
        twice = found["rows"] > (found["own"] or 0)
    if twice:
        raise DataError("customer_id", "several rows of a customer", "a row per customer", "join them, or take one")


def _table(cells: pd.DataFrame, column: str, arms: int) -> Floats:
    """Return sums by stratum and arm."""
    out = np.zeros((int(cells["stratum"].max()) + 1, arms))
    np.add.at(out, (cells["stratum"].to_numpy(), cells["place"].to_numpy()), cells[column].to_numpy(float))
    return out


def _shares(cells: pd.DataFrame, names: list[str], planned: Mapping[str, float] | None) -> Floats:
    """Return the planned share of each arm (column) in each stratum (row)."""
    strata = int(cells["stratum"].max()) + 1
    if planned is not None:
        what = f"a share for each of {', '.join(names)}"
        if not isinstance(planned, Mapping) or not set(names) <= {str(name) for name in planned}:
            raise ParameterError("planned", planned, what, 'such as {"control": .5}')
        given = {str(name): value for name, value in planned.items()}
        if not all(isinstance(given[name], int | float) and 0 < given[name] < 1 for name in names):
            raise ParameterError("planned", planned, "shares between 0 and 1", 'such as {"control": 0.5, "a": 0.5}')
        if sum(given.values()) > MOST:
            raise ParameterError("planned", planned, "shares that add up to 1 at most", "correct them")
        own = np.array([float(given[name]) for name in names])
        return np.tile(own / own.sum(), (strata, 1))
    if cells["unknown"].any():
        raise Refused("the planned shares are not recorded", todo="record propensities, or pass the planned shares")
    by = cells.groupby(["stratum", "place"])
    low, high = by["low"].min(), by["high"].max()
    if ((high - low) > 1e-6).any():
        raise Refused(
            "propensity", f"{low.min():.3g} to {high.max():.3g}", "the same for every customer of an arm and stratum",
            "name the strata, or use doubly_robust with the recorded propensities",
        )  # fmt: skip
    table = low.unstack().reindex(columns=range(len(names)))
    if table.isna().any(axis=None):
        raise Refused("a stratum lacks an arm", todo="join small strata, or pass the planned shares")
    own = table.to_numpy()
    if not (own > 0).all() or own.sum(axis=1).max() > MOST:
        told = "positive chances of the arms that add up to 1 at most"
        raise DataError("propensity", f"a sum of {own.sum(axis=1).max():.3g}", told, "record each customer's own arm's")
    return own / own.sum(axis=1, keepdims=True)


def _neighbours(people: People, units: str, outcome: str) -> dict[str, Any]:
    """Test the outcomes of customers beside treated ones; of a large table in a fixed sample of whole units."""
    limit = np.uint64(min(1.0, WHOLE / people.n) * (2**64 - 2**12))
    kept = []
    for part in people.parts([units, outcome]):
        if people.n > WHOLE:
            part = part[pd.util.hash_array(part[units].astype(str).to_numpy(object)) <= limit]
        kept.append(part)
    found = pd.concat(kept, ignore_index=True)
    place, stratum = people.places(found)
    lot = None if people.cluster is None else found[people.cluster]
    slope, p, number = exposure(found[units], found[outcome], place > 0, stratum=stratum, lot=lot)
    says = (
        f"the {outcome} of a control customer differs by {slope:+,.3g} between units with all and with none treated "
        f"({number:,} units)"
    )
    says = "not tested: the lots leave no units to compare" if np.isnan(p) else says
    return row("neighbours", "slope on the share treated", np.nan if np.isnan(p) else slope, p, says)
