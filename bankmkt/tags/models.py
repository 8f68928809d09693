"""A learned prediction: trees as LightGBM's text, a calibration, and what is needed to trust it again later."""

import datetime
import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bankmkt.tags.predictive import Prediction
from bankmkt.tags.snapshots import Input, name_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Model:
    """A prediction that has been learned; made by :func:`bankmkt.tags.train`.

    Parameters
    ----------
    prediction
        What it predicts.
    inputs
        What it looks at.
    categories
        Of each input that is a text, the values known in training.
    trees
        LightGBM's own text.
    slope, intercept
        Of the calibration: probability = 1 / (1 + exp(-(intercept + slope × trees' log odds))).
    as_of
        Day by which everything it learned from was known.
    trained_on
        Month ends it learned from; their outcomes ended before ``calibrated_on``.
    calibrated_on
        Month end it was calibrated on.
    customers, events
        Judged customers and months in training, and how many of them had the outcome.
    calibration_customers, calibration_events
        The same of the calibration month.
    drivers : pandas.DataFrame
        A row per input, the weightiest first: input, meaning, share (of all the mean absolute contributions to the log
        odds), direction (rank correlation of the input's value with its contribution; null for texts).
    made_with
        Versions of the code.
    """

    prediction: Prediction
    inputs: tuple[Input, ...] = field(repr=False)
    categories: dict[str, tuple[str, ...]] = field(repr=False)
    trees: str = field(repr=False)
    slope: float
    intercept: float
    as_of: datetime.date
    trained_on: tuple[datetime.date, ...]
    calibrated_on: datetime.date
    customers: int
    events: int
    calibration_customers: int
    calibration_events: int
    drivers: "pd.DataFrame" = field(repr=False)
    made_with: dict[str, str]

    @functools.cached_property
    def _booster(self) -> Any:
        import lightgbm

        return lightgbm.Booster(model_str=self.trees)

    def score(self, frame: "pd.DataFrame", threads: int = 1) -> np.ndarray:
        """Return the probability of each row.

        Parameters
        ----------
        frame : pandas.DataFrame
            A column per input.
        threads
            For LightGBM.
        """
        if not len(frame):
            return np.zeros(0)
        odds = self._booster.predict(encoded(frame, self.inputs, self.categories), raw_score=True, num_threads=threads)
        return calibrated(odds, self.slope, self.intercept)


def calibrated(odds: np.ndarray, slope: float, intercept: float) -> np.ndarray:
    """Return the probabilities of log odds after calibration."""
    return 1 / (1 + np.exp(-(intercept + slope * np.asarray(odds))))


def texts_of(frame: "pd.DataFrame", inputs: tuple[Input, ...]) -> dict[str, tuple[str, ...]]:
    """Return the values of each input that is a text, in order."""
    import pandas as pd

    found = {}
    for name in map(name_of, inputs):
        if not pd.api.types.is_numeric_dtype(frame[name]):
            found[name] = tuple(sorted(frame[name].dropna().unique()))
    return found


def encoded(frame: "pd.DataFrame", inputs: tuple[Input, ...], categories: dict[str, tuple[str, ...]]) -> np.ndarray:
    """Return inputs as numbers, a column each: texts by their place among the known ones, unknown as missing."""
    matrix = np.empty((len(frame), len(inputs)), dtype=np.float32)
    for column, name in enumerate(map(name_of, inputs)):
        values = frame[name]
        if name in categories:
            place = {text: float(i) for i, text in enumerate(categories[name])}
            values = values.map(place)
        matrix[:, column] = values.to_numpy(dtype=np.float64, na_value=np.nan)
    return matrix
