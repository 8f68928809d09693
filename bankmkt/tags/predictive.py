"""The eight predictive tags: what will probably happen to a customer in the months after; declarations only.

A prediction is learned by :func:`bankmkt.tags.train`, given by :func:`bankmkt.tags.predict` and judged by
:func:`bankmkt.tags.evaluate_models`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ibis import _

from bankmkt.errors import ParameterError, one_of
from bankmkt.tags.declare import Feature, Tag
from bankmkt.tags.rules import ratio


@dataclass(frozen=True)
class Prediction:
    """Something that will or will not happen to a customer in the months after a day.

    Parameters
    ----------
    code
        In snake_case; the column of :func:`bankmkt.tags.predict`.
    name, name_zh
        In English and in Chinese.
    family
        One of :data:`bankmkt.tags.FAMILIES`, or one of your own.
    meaning
        Who is judged and what counts as happened, in plain language, with thresholds and months.
    population
        Who is judged: a condition over features and attributes on the day, as in :class:`bankmkt.tags.Tag`.
    outcome
        What counts as happened: a condition over features as they are ``months`` later, whose windows then look back
        on the months in between.
    closed
        Whether it counts as happened for those who have closed their account by then.
    simple_rule
        The score that a marketer would use today, the highest first: what a model must beat.
    simple_meaning
        The simple rule in plain language.
    months
        Length of the time after the day.
    features
        Features of its own that the rules use, beside those of the catalogue.
    owner, version
        Who answers for the definition, and which one it is.
    fresh_days
        Days after which a score is stale.

    Raises
    ------
    ParameterError
        If a name or number cannot be right.

    Examples
    --------
    >>> from ibis import _
    >>> Prediction("buys_gold", "Will buy gold", "贵金属倾向", "preferences", "holds no metal; holds some in 3 months",
    ...            _.metal_now == 0, _.metal_now > 0, False, _.aum, "the wealthiest first").months
    3
    """

    code: str
    name: str
    name_zh: str
    family: str
    meaning: str
    population: Any = field(repr=False, compare=False)
    outcome: Any = field(repr=False, compare=False)
    closed: bool
    simple_rule: Any = field(repr=False, compare=False)
    simple_meaning: str
    months: int = 3
    features: tuple[Feature, ...] = ()
    owner: str = "customer insight"
    version: int = 1
    fresh_days: int = 31

    def __post_init__(self) -> None:
        if isinstance(self.months, bool) or not isinstance(self.months, int) or self.months < 1:
            raise ParameterError(f"prediction {self.code}: months", self.months, "an integer from 1", "pass months=3")
        object.__setattr__(self, "features", tuple(self.features))
        self.tag("population")

    def tag(self, part: str) -> Tag:
        """Return a part (population, outcome or simple_rule) as a tag, to be computed on its day."""
        rule = getattr(self, part)
        return Tag(self.code, self.name, self.name_zh, self.family, rule, self.meaning, self.features)


VIP = 200_000
"""AUM in yuan from which a customer is a VIP here."""

PREDICTIVE = (
    Prediction(
        "potential_vip", "Potential VIP", "潜力贵宾客户", "wealth and value",
        "AUM from 50,000 to under 200,000 yuan; will have 200,000 yuan or more three months later",
        population=(_.aum >= 50_000) & (_.aum < VIP), outcome=_.aum >= VIP, closed=False,
        simple_rule=_.aum, simple_meaning="the highest AUM first",
    ),
    Prediction(
        "vip_attrition", "VIP with high attrition risk", "贵宾流失风险", "risk",
        "AUM of 200,000 yuan or more; will have lost over 30% of it, or closed the account, three months later",
        population=_.aum >= VIP, outcome=_.aum < 0.7 * _.aum_quarter_ago, closed=True,
        simple_rule=1 - ratio(_.aum, _.aum_quarter_ago),
        simple_meaning="the largest fall of AUM in the last three months first",
    ),
    Prediction(
        "wealth_propensity", "Wealth-product propensity", "理财购买倾向", "preferences",
        "holds no wealth-management product; will hold some at one of the next three month ends",
        population=_.wealth_now == 0, outcome=_.wealth_high > 0, closed=False,
        simple_rule=_.aum, simple_meaning="the highest AUM first",
        features=(
            Feature("wealth_high", "balances", _.wealth.max(), 3, "highest wealth of three month ends", "yuan"),
        ),
    ),
    Prediction(
        "fund_propensity", "Fund propensity", "基金购买倾向", "preferences",
        "holds no mutual fund; will hold some at one of the next three month ends",
        population=_.fund_now == 0, outcome=_.fund_high > 0, closed=False,
        simple_rule=_.aum, simple_meaning="the highest AUM first",
        features=(
            Feature("fund_high", "balances", _.fund.max(), 3, "highest fund of three month ends", "yuan"),
        ),
    ),
    Prediction(
        "card_activation", "Credit-card activation", "信用卡激活倾向", "products",
        "no credit-card balance and no purchase by credit card for three months; will buy by credit card in the next "
        "three",
        population=(_.card_now == 0) & (_.card_buys == 0), outcome=_.card_buys > 0, closed=False,
        simple_rule=_.products_now, simple_meaning="those who hold the most products first",
    ),
    Prediction(
        "loan_need", "Consumer-loan need", "消费贷款需求", "products",
        "owes no loan; will owe one at one of the next three month ends",
        population=_.loan_now == 0, outcome=_.loan_high > 0, closed=False,
        simple_rule=_.loan_views, simple_meaning="the most views of the loan page in the last three months first",
        features=(
            Feature("loan_high", "balances", _.loan.max(), 3, "highest loan of three month ends", "yuan"),
        ),
    ),
    Prediction(
        "app_dormancy", "App dormancy risk", "手机银行沉睡风险", "channels",
        "signed up for the app and logged in within three months, by app, mini programme, web or WeChat; will not log "
        "in on any of them for the next three",
        population=_.app_registered_on.notnull() & (_.login_quarter > 0), outcome=_.login_quarter == 0, closed=True,
        simple_rule=-_.login_quarter, simple_meaning="the fewest logins of the last three months first",
    ),
    Prediction(
        "payroll_loss", "Payroll-loss risk", "代发流失风险", "life scenarios",
        "a salary arrived within two months; three months later none will have arrived for two months, or the account "
        "will be closed",
        population=_.salaries_two_months > 0, outcome=_.salaries_two_months == 0, closed=True,
        simple_rule=ratio(_.outflow, _.salary_sum),
        simple_meaning="the largest share of the salary that was transferred or taken away first",
    ),
)  # fmt: skip
"""The house's predictions."""


def choose_predictions(predictions: Iterable[Prediction | str] | None) -> tuple[Prediction, ...]:
    """Return declarations for declarations or codes; all of the house for None.

    Raises
    ------
    ParameterError
        If a code is unknown, or two predictions share one.
    """
    known = {prediction.code: prediction for prediction in PREDICTIVE}
    chosen = []
    for prediction in known.values() if predictions is None else predictions:
        if isinstance(prediction, str) and prediction not in known:
            raise ParameterError("predictions", prediction, one_of(known), "name one of them")
        chosen.append(known[prediction] if isinstance(prediction, str) else prediction)
    codes = [prediction.code for prediction in chosen]
    if twice := [code for code in codes if codes.count(code) > 1]:
        raise ParameterError("predictions", twice[0], "each code once", "rename or leave out one")
    return tuple(chosen)
