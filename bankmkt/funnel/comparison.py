"""Two funnels side by side: whether units of two groups, or of two periods, get as far."""

import pandas as pd

from bankmkt.confidence import holm
from bankmkt.errors import ParameterError, SchemaError, one_of
from bankmkt.funnel.rates import compare_shares

OF = ("entrants", "previous")
AMONG = ("matured", "all")


def compare(one: pd.DataFrame, other: pd.DataFrame, of: str = "entrants", among: str = "matured") -> pd.DataFrame:
    """Compare how far units get in two funnels of the same steps.

    Parameters
    ----------
    one, other : pandas.DataFrame
        ``Funnel.steps`` of two groups or periods, a row per step: of a breakdown, its rows of one value.
    of : str
        The rate's denominator: all ``"entrants"``, or those of the ``"previous"`` required step.
    among : str
        ``"matured"``: attempts whose whole window was observed, so that the later period is not taken to lose those who
        are still on their way; ``"all"``, where there is no window.

    Returns
    -------
    pandas.DataFrame
        step, name, rate_one, rate_other, difference (other less one), ci_lower, ci_upper (95%, Newcombe), p_value
        (score test), p_adjusted (Holm, over all steps). Steps that may be left out have no matured rate: null.

    Raises
    ------
    ParameterError
        If an argument is not as above, or the steps differ.
    SchemaError
        If a frame lacks a column.

    References
    ----------
    Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions. *Statistics in
    Medicine* 17, 873–890 (method 10). Holm, S. (1979). *Scandinavian Journal of Statistics* 6, 65–70.

    Examples
    --------
    >>> import bankmkt as bm, pandas as pd
    >>> def log(buyers):
    ...     views = pd.DataFrame({"customer_id": range(100), "event": "view", "ts": pd.Timestamp("2026-01-01")})
    ...     return pd.concat([views, views[:buyers].assign(event="buy", ts=pd.Timestamp("2026-01-02"))])
    >>> funnels = [bm.funnel(log(buyers), ["view", "buy"], "2d", as_of="2026-01-10").steps for buyers in (10, 30)]
    >>> compare(*funnels)[["name", "difference", "ci_lower", "ci_upper"]].round(2)
       name  difference  ci_lower  ci_upper
    0  view         0.0     -0.04      0.04
    1   buy         0.2      0.09      0.31
    """
    for parameter, value, valid in (("of", of, OF), ("among", among, AMONG)):
        if value not in valid:
            raise ParameterError(parameter, value, one_of(valid), f'pass {parameter}="{valid[0]}"')
    column = "matured_units" if among == "matured" else "units"
    for parameter, frame in (("one", one), ("other", other)):
        for name in ("step", "name", "optional", column):
            if name not in frame:
                raise SchemaError(f"{parameter} has no column", name, "Funnel.steps", "pass it as it is")
        if frame["step"].duplicated().any():
            raise ParameterError(
                parameter, "several rows of a step", "one group's", "choose one value of the breakdown"
            )
    if one["name"].tolist() != other["name"].tolist():
        raise ParameterError(
            "other", other["name"].tolist(), f"the steps {one['name'].tolist()}", "compare like with like"
        )
    rows, before = [], 0
    for place, (first, second) in enumerate(zip(one.to_dict("records"), other.to_dict("records"), strict=True)):
        base = 0 if of == "entrants" else before
        parts = [row[column] for row in (first, second)]
        wholes = [int(frame[column].iloc[base]) for frame in (one, other)]
        if pd.isna(parts[0]) or pd.isna(parts[1]):
            found = dict.fromkeys(("rate_one", "rate_other", "difference", "lower", "upper", "p_value"), float("nan"))
        else:
            a, b = (int(part) for part in parts)
            shares = [part / whole if whole else float("nan") for part, whole in zip((a, b), wholes, strict=True)]
            compared = compare_shares((a, b), (wholes[0], wholes[1]))
            found = {"rate_one": shares[0], "rate_other": shares[1], **{str(k): v for k, v in compared.items()}}
        rows.append({"step": first["step"], "name": first["name"], **found})
        before = before if first["optional"] else place
    out = pd.DataFrame(rows).rename(columns={"lower": "ci_lower", "upper": "ci_upper"})
    return out.assign(p_adjusted=holm(out["p_value"].where(out["step"] > 1)))
