"""Customers of an experiment counted by stratum, arm and unit, in parts: a large table never is in memory at once."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bankmkt.errors import DataError, ParameterError, Refused, one_of
from bankmkt.experiment.arms import Floats, named_arms
from bankmkt.experiment.omnibus import WHOLE, Encoding, Products, Totals, omnibus, usual
from bankmkt.frames import batches, engine_table

NUMBER = "number of the stratum"
"""Column of a stratum's number, beside the strata's own."""


class People:
    """The customers of an experiment, read in parts as often as is needed; never all of a large table at once."""

    def __init__(self, frame: Any, arm: str, control: str, keys: Sequence[str], cluster: str | None, k: int) -> None:
        self.frame, self.arm, self.control, self.keys, self.cluster, self.k = frame, arm, control, keys, cluster, k
        self.means: dict[str, Floats] = {}

    def parts(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Yield these columns of some customers at a time, with the arm, the strata and the cluster."""
        more = [self.arm, *self.keys, *filter(None, [self.cluster])]
        names = list(dict.fromkeys([*more, *columns]))
        for part in _parts(self.frame, names, more):
            if part[self.arm].isna().any():
                raise ParameterError(
                    self.arm, "missing for some customers", "an arm for everybody", "leave those without one out"
                )
            part = named_arms(part, self.arm)
            yield part.assign(**{self.arm: part[self.arm].astype(str)})

    def count(
        self, covariates: Sequence[str], before: Sequence[str], outcomes: Sequence[str], reached: Sequence[str]
    ) -> None:
        """Count customers by stratum, arm and unit, and learn how covariates become numbers."""
        self.known = {"balance": Encoding((), covariates), "placebo": Encoding((), before)}
        by = ["arm", *(f"stratum {number}" for number in range(len(self.keys)))] + ["unit"] * bool(self.cluster)
        found = []
        extra = ["propensity"] if "propensity" in self.frame.columns else []
        for part in self.parts([*extra, *covariates, *before, *outcomes, *reached]):
            for encoding in self.known.values():
                encoding.learn(part)
            chance = part["propensity"].to_numpy(float, na_value=np.nan) if extra else np.full(len(part), np.nan)
            marks = {"arm": part[self.arm], "n": 1.0, "low": chance, "high": chance, "unknown": np.isnan(chance)}
            marks |= {name: part[key] for name, key in zip(by[1:], [*self.keys, self.cluster], strict=False)}
            marks |= {f"lost {name}": part[name].isna().to_numpy(float) for name in outcomes}
            marks |= {f"got {name}": part[name].fillna(value=False).to_numpy(bool).astype(float) for name in reached}
            marks |= {"lost": part[list(outcomes)].isna().any(axis=1).to_numpy(float)}
            found.append(self._summed(pd.DataFrame(marks), by))
        cells = self._summed(pd.concat(found, ignore_index=True), by)
        counts = cells.groupby("arm")["n"].sum()
        self.names = ordered(counts, self.control, self.k)
        cells["place"] = pd.Categorical(cells["arm"], categories=self.names).codes
        self.strata = cells[by[1 : 1 + len(self.keys)]].drop_duplicates(ignore_index=True)
        self.strata.columns = pd.Index(self.keys)
        stratum = cells[by[1 : 1 + len(self.keys)]].set_axis(list(self.keys), axis=1)
        self.cells = cells.assign(stratum=self._stratum(stratum))
        if self.cluster is not None:
            _whole(self.cells, self.cluster)
        self.n = int(counts.sum())
        size = self.cells.groupby("stratum")["n"].sum().to_numpy(float)
        self.share = size / size.sum()

    @staticmethod
    def _summed(marks: pd.DataFrame, by: list[str]) -> pd.DataFrame:
        names = marks.columns.astype(str).difference(by)
        how = {name: {"low": "min", "high": "max"}.get(name, "sum") for name in names}
        return marks.groupby(by, dropna=False, observed=True, sort=False).agg(how).reset_index()

    def _stratum(self, keys: pd.DataFrame) -> Any:
        """Return each row's stratum."""
        if not self.keys:
            return np.zeros(len(keys), np.int64)
        numbered = self.strata.assign(**{NUMBER: np.arange(len(self.strata))})
        return keys.merge(numbered, on=list(self.keys), how="left")[NUMBER].to_numpy(np.int64)

    def places(self, part: pd.DataFrame) -> tuple[Any, Any]:
        """Return the number of each customer's arm and stratum."""
        place = pd.Categorical(part[self.arm], categories=self.names).codes.astype(np.int64)
        return place, self._stratum(part[list(self.keys)])

    def _drawn(self, columns: Sequence[str]) -> Iterator[tuple[Floats, Floats, Any, pd.DataFrame]]:
        """Yield lots, covariates as numbers and strata of some customers at a time, and their rows."""
        for part in self.parts(columns):
            place, stratum = self.places(part)
            z = np.column_stack([place == number for number in range(1, len(self.names))]).astype(float)
            yield z, np.column_stack([encoding.columns(part) for encoding in self.known.values()]), stratum, part

    def tests(self) -> Iterator[tuple[str, float, int]]:
        """Yield for balance and placebo: the name, the p-value, and the number of columns tested."""
        columns = [name for encoding in self.known.values() for name in encoding.covariates]
        if not columns:
            return
        kept: list[Any] = []
        whole = self.cluster is None and self.n <= WHOLE
        sums, units, n, self.binary = Products(), Totals(), 0, set(columns)
        powers: Any = 0.0
        for z, x, stratum, part in self._drawn(columns):
            self._raw(part, columns, z, stratum)
            if self.cluster is not None:
                units.add(part[self.cluster], np.column_stack([np.ones(len(x)), x]))
            elif whole:
                kept.append((z, x, stratum))
            else:
                sums.add(z, x, stratum)
                n, powers = n + len(x), powers + np.array([x.sum(axis=0), (x**2).sum(axis=0), (x**3).sum(axis=0)])
        begin = 0
        for name, encoding in self.known.items():
            if not encoding.covariates:
                continue
            own = slice(begin, begin + encoding.width)
            begin = own.stop
            if self.cluster is not None:
                found = units.frame()
                lots = self.cells.set_index("unit").loc[found.index]
                z = np.column_stack([lots["place"] == number for number in range(1, len(self.names))]).astype(float)
                x = found.to_numpy()[:, 1:] / found.to_numpy()[:, :1]
                p = omnibus(z, x[:, own], lots["stratum"].to_numpy(np.int64))[0]
            elif whole:
                z, x, stratum = (np.concatenate(column) for column in zip(*kept, strict=True))
                p = omnibus(z, x[:, own], stratum)[0]
            else:
                least = self.cells.groupby("place")["n"].sum().min()
                p = sums.test(own.start + usual(powers[:, own] / n, float(least)))
            yield name, p, encoding.width

    def _raw(self, part: pd.DataFrame, columns: Sequence[str], z: Floats, stratum: Any) -> None:
        """Add up the columns' own values by stratum and arm."""
        arms, strata = len(self.names), len(self.share)
        cell = stratum * arms + (z @ np.arange(1, arms)).astype(np.int64)
        for name in columns:
            column = part[name]
            if not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)):
                continue
            x = column.to_numpy(float, na_value=np.nan)
            known = ~np.isnan(x)
            if not np.isin(x[known], (0.0, 1.0)).all():
                self.binary.discard(name)
            x = np.where(known, x, 0.0)
            sums = [np.bincount(cell, weights=w, minlength=arms * strata) for w in (None, known, x, x * x)]
            found = np.stack(sums, axis=1).astype(float).reshape(strata, arms, 4)
            self.means[name] = self.means[name] + found if name in self.means else found


def _parts(frame: Any, names: list[str], keys: list[str]) -> Iterator[pd.DataFrame]:
    """Yield the columns of some customers at a time."""
    if isinstance(frame, pd.DataFrame):
        for start in range(0, max(len(frame), 1), WHOLE):
            yield frame[names].iloc[start : start + WHOLE]
        return
    table = engine_table(frame, "frame")[0]
    # yes/no and decimals as numbers, whose type does not hang on whether a part has missing ones
    kinds = {name: table[name].type() for name in names if name not in keys}
    numbers = {
        name: table[name].cast("float64") for name, kind in kinds.items() if kind.is_boolean() or kind.is_decimal()
    }
    for batch in batches(table.select(*names).mutate(**numbers) if numbers else table.select(*names), WHOLE):
        yield batch.to_pandas()


def _whole(cells: pd.DataFrame, cluster: str) -> None:
    """Raise unless every unit is in one arm and one stratum."""
    if cells["unit"].isna().any():
        raise DataError(cluster, "missing for some customers", "a unit for everybody", "leave the others out")
    if cells.groupby("unit")["place"].nunique().gt(1).any():
        raise Refused(
            "units lie in several arms, so they were not drawn as a whole",
            todo="leave cluster out if customers were drawn one by one; else find out who changed arms",
        )
    if cells["unit"].duplicated().any():
        raise Refused(
            "units lie in several strata, but lots of whole units are drawn within traits of units",
            todo="keep cluster, and name strata such as the branch's region, not its customers' traits",
        )


def ordered(counts: pd.Series, control: str, k: int) -> list[str]:
    """Return the arms, the control first, after checking that each has at least k customers."""
    names = sorted(str(name) for name in counts.index)
    if control not in names:
        raise ParameterError("control", control, one_of(names), "name the arm that was left alone")
    if len(names) < 2:
        raise ParameterError("arm", names, "two arms or more", "compare with a control arm")
    if (counts < k).any():
        raise Refused(f"fewer than k = {k} customers in an arm", todo="compare a larger unit or a longer campaign")
    return [control, *(name for name in names if name != control)]
