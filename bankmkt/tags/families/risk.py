"""Risk: what may go wrong for the customer or the bank: debts, losses, unsuitable holdings, signs of leaving."""

from ibis import _

from bankmkt.schema import ASSETS, DEBTS
from bankmkt.tags.declare import Feature, Tag
from bankmkt.tags.families.wealth import PAID
from bankmkt.tags.rules import bands, count_true, ratio

FAMILY = "risk"

_CASH_MOVES = _.kind.isin(("cash_in", "cash_out"))

FEATURES = (
    Feature("interest_paid", "transactions",
            _.amount.abs().sum(where=(_.kind == "interest") & ((_.product.isin(ASSETS) & (_.amount < 0))
                                                               | (_.product.isin(DEBTS) & (_.amount > 0)))), 12,
            "interest on debts in twelve months, paid or added to the debt", "yuan"),
    Feature("card_spent_two_months", "transactions",
            PAID.sum(where=(_.kind == "spend") & (_.product == "card_balance")), 2,
            "spent by credit card within two months, less refunds", "yuan"),
    Feature("loan_paid", "transactions", -_.amount.sum(where=(_.kind == "loan_repayment") & (_.product == "loan")), 3,
            "loan principal repaid in three months", "yuan"),
    Feature("fund_returns", "transactions", _.amount.sum(where=(_.kind == "return") & (_.product == "fund")), 3,
            "gains and losses of funds in three months", "yuan"),
    Feature("largest_cash", "transactions", _.amount.abs().max(where=_CASH_MOVES), 3,
            "largest movement of cash in three months", "yuan"),
    Feature("night_transfers", "transactions", _.count(where=(_.kind == "transfer_out") & (_.ts.hour() < 6)), 12,
            "transfers out between midnight and 6 o'clock in twelve months"),
    Feature("surrenders", "transactions", _.count(where=(_.kind == "redemption") & (_.product == "insurance")), 12,
            "insurance given up in twelve months"),
)  # fmt: skip

_DEBT = _.loan_now + _.card_now
_SIGNS = count_true(
    (_.aum_quarter_ago >= 10_000) & (_.aum < 0.7 * _.aum_quarter_ago),
    _.products_now < _.products_quarter_ago,
    (_.login_quarter_2 >= 6) & (_.login_quarter < 0.5 * _.login_quarter_2),
    (_.own_quarter_2 >= 6) & (_.own_quarter < 0.5 * _.own_quarter_2),
    (_.salaries_two_months == 0) & (_.salaries_quarter_2 > 0),
)

TAGS = (
    Tag("risk_appetite", "Risk tolerance", "风险承受能力", FAMILY,
        bands(_.risk_level, ((3, "cautious"), (4, "balanced")), "bold"),
        "by the questionnaire: cautious (1 and 2), balanced (3) or bold (4 and 5); null without one"),
    Tag("unsuitable_holdings", "Holdings bolder than the customer", "风险错配", FAMILY,
        (_.risk_level <= 2) & (_.fund_now + _.metal_now >= 0.3 * _.aum) & (_.fund_now + _.metal_now >= 500),
        "risk tolerance 1 or 2, funds and metal of 500 yuan or more and 30% of AUM or more"),
    Tag("too_cautious", "Holdings far below the tolerance", "风险偏好未满足", FAMILY,
        (_.risk_level >= 4) & (_.fund_now + _.metal_now == 0) & (_.aum >= 10_000),
        "risk tolerance 4 or 5, neither funds nor metal, AUM of 10,000 yuan or more"),
    Tag("debt_ratio", "Debt to assets", "资产负债率", FAMILY, ratio(_DEBT, _.aum),
        "loans and card ÷ AUM at the last month end; null without AUM"),
    Tag("leveraged", "Owes more than is held", "高负债", FAMILY, (_DEBT >= 5_000) & (_.aum < _DEBT),
        "loans and card of 5,000 yuan or more, and more than AUM"),
    Tag("revolver", "Card not paid in full", "信用卡循环客户", FAMILY,
        (_.card_now >= 200) & (_.card_now > _.card_spent_two_months),
        "card balance of 200 yuan or more, above the card's spending of two months: some is carried over"),
    Tag("card_debt_rising", "Card debt rising", "信用卡负债上升", FAMILY,
        (_.card_now >= 500) & (_.card_now > 1.5 * _.card_quarter_ago),
        "card balance of 500 yuan or more, over 1.5 times that of three month ends ago"),
    Tag("interest_paid_year", "Interest paid", "年付利息", FAMILY, _.interest_paid,
        "interest on debts within 12 months, paid or added to the debt, in yuan"),
    Tag("repayment_tight", "Repayment tight", "还款紧张", FAMILY,
        (_.loan_now > 0) & (3 * _.demand_now < _.loan_paid),
        "owes a loan, and 3 times the current account is less than the principal repaid within three months: not "
        "enough for one"),
    Tag("fund_loss", "Loses with funds", "基金亏损", FAMILY,
        (_.fund_now > 0) & (_.fund_returns <= -100),
        "holds funds that lost 100 yuan or more within three months: call before the customer sells"),
    Tag("large_cash_moves", "Large cash movement", "大额现金", FAMILY, _.largest_cash >= 20_000,
        "a single cash movement of 20,000 yuan or more within three months"),
    Tag("night_sender", "Transfers at night", "夜间转账", FAMILY, _.night_transfers > 0,
        "made a transfer between midnight and 6 o'clock within 12 months"),
    Tag("pay_cut", "Pay cut", "工资下降", FAMILY, (_.salary_sum > 0) & (_.salary_sum < 0.95 * _.salary_year_ago),
        "salary of three months more than 5% below that of the same three months a year earlier"),
    Tag("gave_up_insurance", "Gave up insurance", "退保客户", FAMILY, _.surrenders > 0,
        "redeemed insurance within 12 months"),
    Tag("warning_signs", "Warning signs", "流失预警信号数", FAMILY, _SIGNS,
        "of five signs, those that hold: AUM fell over 30% in three months from 10,000 yuan or more, fewer "
        "products, logins halved from 6 or more, own movements halved from 6 or more, no salary "
        "within two months after one"),
    Tag("valuable_at_risk", "Valuable and at risk", "高价值流失风险", FAMILY, (_.aum_peak >= 200_000) & (_SIGNS >= 1),
        "AUM of 200,000 yuan or more at one of the last 12 month ends, and at least 1 of the five warning "
        "signs, of the last two months or three months"),
)  # fmt: skip
