"""How well states told from the data find the stages that drive a synthetic bank's customers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bankmkt.confidence import Z
from bankmkt.errors import DataError, ParameterError, Refused, SchemaError
from bankmkt.privacy import K, check_k, discloses, small_cells
from bankmkt.segments.intervals import wilson
from bankmkt.segments.lifecycle import STATES

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Agreement:
    """States held against the truth; made by :func:`state_agreement`.

    Parameters
    ----------
    cells : pandas.DataFrame
        The confusion matrix, a row per true stage and state: truth, state, customers, share (of those of the stage),
        suppressed.
    states : pandas.DataFrame
        A row per state that is also a stage: state, told (customers said to be in it), true (customers in the stage),
        precision (share of those told who are in the stage) with precision_ci_lower and precision_ci_upper, recall
        (share of the stage who are told) with recall_ci_lower and recall_ci_upper, base (share of the stage among all:
        the precision of guessing), suppressed. Wilson's intervals, 95%.
    kappa, ci_lower, ci_upper : float
        Cohen's, over customers whose state is also a stage, with a 95% interval: 0 is chance, 1 is perfect.
    """

    cells: "pd.DataFrame"
    states: "pd.DataFrame"
    kappa: float
    ci_lower: float
    ci_upper: float


def state_agreement(states: Any, truth: "pd.DataFrame", k: int = K) -> Agreement:
    """Hold the states of one month against the true stages of the same customers.

    Parameters
    ----------
    states : pandas.DataFrame or ibis table
        customer_id, state: of :func:`bankmkt.lifecycle`, one month.
    truth : pandas.DataFrame
        customer_id, stage: of ``bankmkt.synth.stages.true_stages``. Who has no stage is left out.
    k : int
        Smaller cells are null, with as many others as the totals ask for.

    Returns
    -------
    Agreement

    Raises
    ------
    ParameterError
        If ``states`` or ``truth`` is no table, or ``k`` no integer from 1.
    SchemaError
        If a column is missing.
    DataError
        If a customer has two rows.
    Refused
        If nobody is in both.

    References
    ----------
    Cohen, J. (1960), Educational and Psychological Measurement 20, 37-46; Fleiss, J. L., Cohen, J. and Everitt, B. S.
    (1969), Psychological Bulletin 72, 323-327 (the interval; statsmodels' ``cohens_kappa``).

    Examples
    --------
    >>> import bankmkt as bm
    >>> from bankmkt.synth.stages import true_stages
    >>> bank = bm.demo_bank()
    >>> found = state_agreement(bm.lifecycle(bank, "2026-06-30", 1), true_stages(bank))
    >>> 0 < found.ci_lower < found.kappa < found.ci_upper < 1
    True
    """
    import ibis.expr.types as ir
    import pandas as pd

    check_k(k)
    for name, table, column, kinds in (
        ("states", states, "state", (pd.DataFrame, ir.Table)), ("truth", truth, "stage", (pd.DataFrame,)),
    ):  # fmt: skip
        if not isinstance(table, kinds):
            expected = f"a frame of customer_id and {column}"
            raise ParameterError(name, type(table).__name__, expected, "see state_agreement")
        for wanted in ("customer_id", column):
            if wanted not in table.columns:
                raise SchemaError(f"{name} has no column", wanted, f"customer_id and {column}", "see state_agreement")
    told = states[["customer_id", "state"]]
    told = told if isinstance(told, pd.DataFrame) else told.to_pandas()
    for name, frame in (("states", told), ("truth", truth)):
        if frame["customer_id"].duplicated().any():
            raise DataError(name, "a customer with two rows", "a row per customer", "choose one month")
    both = told.merge(truth[["customer_id", "stage"]], on="customer_id")
    if both.empty:
        raise Refused("nobody has both a state and a stage", todo="pass states and truth of one bank and month")
    found = set(both["state"]) | set(both["stage"])
    names = [name for name in STATES if name in found] + sorted(found - set(STATES))
    counts = pd.crosstab(both["stage"], both["state"])
    stages = [name for name in names if name in counts.index]
    counts = counts.reindex(index=stages, columns=[name for name in names if name in counts.columns])
    same = counts.reindex(columns=stages, fill_value=0)
    return Agreement(_cells(counts, k), _found(counts, same, k), *cohens_kappa(same))


def cohens_kappa(table: "pd.DataFrame") -> tuple[float, float, float]:
    """Return Cohen's kappa of a square table of counts, and its interval.

    Examples
    --------
    >>> import pandas as pd
    >>> [round(value, 2) for value in cohens_kappa(pd.DataFrame([[20, 5], [10, 15]]))]
    [0.4, 0.15, 0.65]
    """
    from statsmodels.stats.inter_rater import cohens_kappa as estimate

    found = estimate(table.to_numpy())
    width = Z * float(found.std_kappa)
    return float(found.kappa), float(found.kappa) - width, float(found.kappa) + width


def _cells(counts: "pd.DataFrame", k: int) -> "pd.DataFrame":
    cells = counts.rename_axis(index="truth").reset_index().melt("truth", var_name="state", value_name="customers")
    hidden = small_cells(cells["customers"], by=[cells["truth"]], k=k)
    hidden = small_cells(cells["customers"], by=[cells["state"]], k=k, hidden=hidden)
    shown = {
        "customers": cells["customers"],
        "share": cells["customers"] / cells.groupby("truth")["customers"].transform("sum"),
    }
    shown = {name: values.astype("float64").mask(hidden) for name, values in shown.items()}
    return cells[["truth", "state"]].assign(**shown, suppressed=hidden)


def _found(counts: "pd.DataFrame", same: "pd.DataFrame", k: int) -> "pd.DataFrame":
    import numpy as np
    import pandas as pd

    hits = pd.Series(np.diag(same), index=same.index)
    told, true = same.sum(), counts.sum(axis=1)
    columns: dict[str, pd.Series] = {"told": told, "true": true}
    for name, of in (("precision", told), ("recall", true)):
        shares = wilson(hits[of > 0], of[of > 0], name)
        columns |= {name: shares[name], **{f"{name}_{end}": shares[end] for end in ("ci_lower", "ci_upper")}}
    hidden = discloses(hits, told, k) | discloses(hits, true, k) | discloses(told, counts.to_numpy().sum(), k)
    columns["base"] = true / true.sum()
    frame = pd.DataFrame({name: c.reindex(same.index).astype("float64").mask(hidden) for name, c in columns.items()})
    return frame.assign(suppressed=hidden).rename_axis("state").reset_index()
