"""What a bank is: every table, declared once.

The generator, the adapters, the validation and the data dictionary all read
:data:`TABLES`. Money is yuan as float64 rounded to 2 decimals; points and counts
are int64; timestamps are the bank's local time without zone; ids are int64 or string, ids of one kind alike.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

TYPES = ("id", "int64", "float64", "string", "boolean", "date", "timestamp")
"""Column types, by the name Ibis gives them; an id is int64 or string, as :mod:`bankmkt.settle` finds it in a bank."""

ASSETS = ("demand", "time_deposit", "wealth", "fund", "insurance", "metal")
"""Balance columns that add up to AUM (assets under management)."""

DEBTS = ("loan", "card_balance")
"""Balance columns that a customer owes."""

PRODUCTS = ASSETS + DEBTS
"""Balance columns; each is also a value of ``transactions.product``."""

OUTCOMES = ("aum_change", "products_change", "logins", "conversion")
"""What a campaign can move; `docs/synthetic-bank.md` defines how each is measured."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    name, type, meaning
        ``type`` is one of :data:`TYPES`; ``meaning`` is plain language.
    unit
        Of the values, for example ``"yuan"``; empty where there is none.
    nullable
        Whether a value may be missing. A nullable column may be absent from the analyst's files:
        it then reads as all null.
    values
        The allowed values of a string column; empty for any.
    minimum, maximum
        The allowed range, both inclusive; of an id, where it is a number.
    references
        ``"table.column"`` in which every non-null value must be found.
    same_as
        ``"table.column"`` that holds ids of the same kind, where not every value must be found there.
    set_later
        True for a date attribute written after the row was made (``closed_on``): as of an
        earlier day it reads as null.
    """

    name: str
    type: str
    meaning: str
    unit: str = ""
    nullable: bool = False
    values: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    references: str = ""
    same_as: str = ""
    set_later: bool = False


@dataclass(frozen=True)
class Rule:
    """A relation between the columns of one row that must hold.

    ``broken`` takes the table and returns a boolean column, true where the row is at fault.
    """

    name: str
    broken: Callable[[Any], Any]
    todo: str


@dataclass(frozen=True)
class Table:
    """One table of a bank.

    Parameters
    ----------
    name, row
        ``row`` says what a row is.
    columns
        In the order they are stored.
    key
        Columns that name a row; not null, unique together.
    time
        The column that says since when the row is known (date or timestamp);
        empty for tables without time.
    optional
        Whether a bank may lack the table.
    month_end
        True where ``time`` holds the last day of a month.
    in_life
        True where a row belongs to the time between a customer's ``opened_on`` and ``closed_on``.
    in_campaign
        True where a row that names a campaign lies between its ``starts_on`` and ``ends_on``.
    rules
        Relations between the columns of a row.
    """

    name: str
    row: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    time: str = ""
    optional: bool = True
    month_end: bool = False
    in_life: bool = False
    in_campaign: bool = False
    rules: tuple[Rule, ...] = field(default=())

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(c.name for c in self.columns)

    def __getitem__(self, name: str) -> Column:
        """Return the column of that name."""
        for c in self.columns:
            if c.name == name:
                return c
        raise KeyError(f"{self.name}.{name}")


C = Column  # declarations below are a table to read, one line a column

CHANNELS = ("app", "mini_programme", "web", "counter", "atm", "pos", "third_party", "auto")
PLATFORMS = ("app", "mini_programme", "web", "wechat")
KINDS = (
    "salary", "transfer_in", "transfer_out", "spend", "bill", "cash_in", "cash_out", "purchase", "redemption",
    "interest", "return", "loan_drawdown", "loan_repayment", "card_repayment", "fee",
)  # fmt: skip
BANK_KINDS = ("interest", "return", "fee")
"""Kinds of movement that a customer does not initiate."""
CATEGORIES = (
    "groceries", "dining", "transport", "fuel", "utilities", "telecom", "healthcare", "education", "apparel",
    "electronics", "travel", "entertainment", "housing", "online_shopping", "other",
)  # fmt: skip
EVENTS = (
    "login", "page_view", "search", "purchase", "campaign_view", "campaign_click", "campaign_join",
    "campaign_convert", "share", "sign_up",
)  # fmt: skip
OCCUPATIONS = (
    "public_sector", "state_enterprise", "private_company", "self_employed", "farmer", "student", "retired", "other",
)  # fmt: skip
STAFF_ROLES = ("teller", "lobby_manager", "relationship_manager", "digital_manager", "marketer")
CITY_TIERS = ("tier_1", "new_tier_1", "tier_2", "tier_3", "tier_4")
_CENT = 0.005


def _sum(t: Any, names: tuple[str, ...]) -> Any:
    total = t[names[0]]
    for name in names[1:]:
        total = total + t[name]
    return total


def _money(name: str, meaning: str) -> Column:
    return Column(name, "float64", meaning, "yuan", minimum=0)


_TABLES = (
    Table(
        "organisations", "a unit of the bank, in a tree under the head office",
        (
            C("org_id", "id", "the unit's number", minimum=1),
            C("parent_id", "id", "the unit above; null for the head office", nullable=True,
              references="organisations.org_id"),
            C("level", "string", "place in the tree", values=("head_office", "branch", "sub_branch")),
            C("name", "string", "name of the unit"),
            C("city", "string", "city it works in", nullable=True),
            C("city_tier", "string", "size class of the city", nullable=True, values=CITY_TIERS),
        ),
        key=("org_id",), optional=False,
        rules=(
            Rule("head office has no parent, every other unit has one",
                 lambda t: (t.level == "head_office") != t.parent_id.isnull(),
                 "set parent_id of each branch and sub-branch, and leave it empty for the head office"),
        ),
    ),
    Table(
        "staff", "an employee",
        (
            C("staff_id", "id", "the employee's number", minimum=1),
            C("org_id", "id", "the unit the employee works for", references="organisations.org_id"),
            C("role", "string", "what the employee does", values=STAFF_ROLES),
            C("joined_on", "date", "first working day"),
        ),
        key=("staff_id",), time="joined_on",
    ),
    Table(
        "customers", "a customer",
        (
            C("customer_id", "id", "the customer's number, not an identity", minimum=1),
            C("gender", "string", "as registered", nullable=True, values=("female", "male")),
            C("birth_date", "date", "date of birth", nullable=True),
            C("opened_on", "date", "day of the first account"),
            C("closed_on", "date", "day of the last account's closing; null while a customer", nullable=True,
              set_later=True),
            C("org_id", "id", "the sub-branch that keeps the customer", references="organisations.org_id"),
            C("manager_id", "id", "the relationship manager, if any", nullable=True, references="staff.staff_id"),
            C("acquired_via", "string", "how the customer came", nullable=True,
              values=("branch", "payroll", "app", "referral", "partner", "campaign")),
            C("occupation", "string", "occupation group", nullable=True, values=OCCUPATIONS),
            C("city_tier", "string", "size class of the home city", nullable=True, values=CITY_TIERS),
            C("is_payroll", "boolean", "the employer pays the salary through this bank", nullable=True),
            C("has_car", "boolean", "known to own a car", nullable=True),
            C("has_home", "boolean", "known to own a home", nullable=True),
            C("risk_level", "int64", "risk tolerance by questionnaire, 1 cautious to 5 bold", nullable=True,
              minimum=1, maximum=5),
            C("app_registered_on", "date", "day of sign-up for the app; null before", nullable=True, set_later=True),
        ),
        key=("customer_id",), time="opened_on", optional=False,
        rules=(
            Rule("closed_on is not before opened_on", lambda t: t.closed_on < t.opened_on,
                 "correct opened_on or closed_on"),
            Rule("app_registered_on is not before opened_on", lambda t: t.app_registered_on < t.opened_on,
                 "correct opened_on or app_registered_on"),
        ),
    ),
    Table(
        "balances", "a customer's balances at a month end",
        (
            C("customer_id", "id", "whose balances", references="customers.customer_id"),
            C("month", "date", "last day of the month"),
            _money("demand", "current account"),
            _money("time_deposit", "time deposits"),
            _money("wealth", "wealth-management products"),
            _money("fund", "mutual funds"),
            _money("insurance", "insurance with a savings part"),
            _money("metal", "precious metal accounts"),
            _money("loan", "loan principal owed"),
            _money("card_balance", "credit card balance owed"),
            _money("aum", "assets under management: the six asset columns added up"),
            C("products", "int64", "number of the eight balances that are not zero", "count", minimum=0, maximum=8),
        ),
        key=("customer_id", "month"), time="month", optional=False, month_end=True, in_life=True,
        rules=(
            Rule("aum is the sum of the asset balances", lambda t: (t.aum - _sum(t, ASSETS)).abs() > _CENT,
                 "recompute aum as demand + time_deposit + wealth + fund + insurance + metal"),
            Rule("products counts the balances that are not zero",
                 lambda t: t.products != sum((t[p] != 0).cast("int64") for p in PRODUCTS),
                 "recompute products from the eight balance columns"),
        ),
    ),
    Table(
        "transactions", "a movement of money in one product of a customer",
        (
            C("transaction_id", "id", "number of the movement"),
            C("customer_id", "id", "whose money", references="customers.customer_id"),
            C("ts", "timestamp", "when"),
            C("channel", "string", "where it was done; auto is the bank's own batch", nullable=True, values=CHANNELS),
            C("kind", "string", "what sort of movement", values=KINDS),
            C("category", "string", "merchant category of spending and bills", nullable=True, values=CATEGORIES),
            C("amount", "float64", "change of the product's balance, signed; a debt grows by a positive amount",
              "yuan"),
            C("product", "string", "the balance that changes", values=PRODUCTS),
        ),
        key=("transaction_id",), time="ts", optional=False, in_life=True,
        rules=(
            Rule("money comes in with a plus", lambda t: t.kind.isin(("salary", "transfer_in", "cash_in"))
                 & (t.amount < 0), "give salary, transfer_in and cash_in a positive amount"),
            Rule("money goes out of an account with a minus",
                 lambda t: t.kind.isin(("spend", "bill", "transfer_out", "cash_out"))
                 & (t.product != "card_balance") & (t.amount > 0),
                 "give spend, bill, transfer_out and cash_out a negative amount unless a card pays"),
        ),
    ),
    Table(
        "events", "a digital act of a customer or visitor",
        (
            C("event_id", "id", "number of the event"),
            C("customer_id", "id", "who; null before sign-up", nullable=True, references="customers.customer_id"),
            C("visitor_id", "id", "the device or cookie, known without login"),
            C("ts", "timestamp", "when"),
            C("platform", "string", "where", values=PLATFORMS),
            C("event", "string", "what", values=EVENTS),
            C("page", "string", "page seen", nullable=True),
            C("campaign_id", "id", "campaign the act belongs to", nullable=True,
              references="campaigns.campaign_id"),
            C("duration_s", "float64", "time on the page", "seconds", nullable=True, minimum=0),
            C("shared_by", "id", "visitor who shared the link", nullable=True, same_as="events.visitor_id"),
        ),
        key=("event_id",), time="ts", in_life=True, in_campaign=True,
    ),
    Table(
        "visits", "a visit to a branch",
        (
            C("visit_id", "id", "number of the visit"),
            C("customer_id", "id", "who; null when not recognised", nullable=True,
              references="customers.customer_id"),
            C("org_id", "id", "the unit visited", references="organisations.org_id"),
            C("staff_id", "id", "who served", nullable=True, references="staff.staff_id"),
            C("ts", "timestamp", "when"),
            C("purpose", "string", "what for", nullable=True,
              values=("cash", "transfer", "account", "wealth", "loan", "card", "enquiry", "complaint", "other")),
            C("recognised_via", "string", "how the customer was recognised", nullable=True,
              values=("queue_ticket", "counter", "face", "qr_code", "device")),
            C("pushed_tag", "string", "tag shown on the tablet", nullable=True),
            C("activated", "boolean", "whether staff activated the app on this visit", nullable=True),
        ),
        key=("visit_id",), time="ts", in_life=True,
    ),
    Table(
        "campaigns", "a campaign",
        (
            C("campaign_id", "id", "number of the campaign", minimum=1),
            C("name", "string", "short name, in snake_case"),
            C("objective", "string", "what it wants, in plain language"),
            C("business_line", "string", "who runs it",
              values=("deposits", "wealth", "cards", "loans", "digital", "payroll")),
            C("kind", "string", "plan it belongs to", values=("annual", "routine", "short_term", "hot_spot")),
            C("org_id", "id", "the unit that runs it", references="organisations.org_id"),
            C("starts_on", "date", "first day"),
            C("ends_on", "date", "last day, as planned"),
            _money("budget", "planned cost"),
            C("assignment", "string", "who decides on taking part: chance, the bank, or the customer",
              values=("randomised", "targeted", "open")),
            C("product", "string", "the product it sells; null for activity", nullable=True, values=PRODUCTS),
            C("outcome", "string", "what it is judged by first", values=OUTCOMES),
            C("outcome_days", "int64", "days from starts_on over which outcomes are measured", "days", minimum=1),
        ),
        key=("campaign_id",), time="starts_on",
        rules=(
            Rule("ends_on is not before starts_on", lambda t: t.ends_on < t.starts_on, "correct the campaign's dates"),
        ),
    ),
    Table(
        "assignments", "a customer in a campaign",
        (
            C("campaign_id", "id", "which campaign", references="campaigns.campaign_id"),
            C("customer_id", "id", "which customer", references="customers.customer_id"),
            C("arm", "string", "open: eligible for a campaign that anybody may join",
              values=("control", "treatment", "treatment_b", "treatment_c", "open")),
            C("propensity", "float64", "probability of this row's arm when it was drawn; null if unknown",
              "probability", nullable=True, minimum=0, maximum=1),
            C("assigned_on", "date", "day the arm was fixed"),
            C("participated", "boolean", "whether the customer took part"),
            C("participated_on", "date", "day the customer took part; null if not (yet)", nullable=True,
              set_later=True),
        ),
        key=("campaign_id", "customer_id"), time="assigned_on", in_life=True, in_campaign=True,
        rules=(
            Rule("participated says whether participated_on is set",
                 lambda t: t.participated & t.participated_on.isnull() | ~t.participated & t.participated_on.notnull(),
                 "set participated_on where participated is true, and only there"),
        ),
    ),
    Table(
        "contacts", "a contact attempt",
        (
            C("contact_id", "id", "number of the attempt"),
            C("campaign_id", "id", "campaign it serves", nullable=True, references="campaigns.campaign_id"),
            C("customer_id", "id", "who was contacted", references="customers.customer_id"),
            C("department", "string", "who contacted", nullable=True,
              values=("deposits", "wealth", "cards", "loans", "digital", "payroll")),
            C("channel", "string", "by what", values=("sms", "app_push", "call", "wechat", "rm", "email", "counter")),
            C("ts", "timestamp", "when"),
            C("status", "string", "how the attempt ended", values=("sent", "delivered", "opened", "answered",
                                                                   "failed", "opted_out")),
        ),
        key=("contact_id",), time="ts", in_life=True, in_campaign=True,
    ),
    Table(
        "benefits", "an entry in the benefit ledger",
        (
            C("entry_id", "id", "number of the entry"),
            C("campaign_id", "id", "campaign that grants it", nullable=True, references="campaigns.campaign_id"),
            C("customer_id", "id", "who has it", references="customers.customer_id"),
            C("benefit_id", "string", "which benefit"),
            C("coupon_id", "id", "the coupon, over its whole life"),
            C("action", "string", "what happened",
              values=("granted", "claimed", "effective", "redeemed", "expired", "reversed")),
            C("ts", "timestamp", "when"),
            _money("face_value", "what the coupon says"),
            _money("cost", "what it costs the bank"),
        ),
        key=("entry_id",), time="ts", in_life=True,
    ),
    Table(
        "points", "an entry in the points ledger",
        (
            C("entry_id", "id", "number of the entry"),
            C("customer_id", "id", "whose points", references="customers.customer_id"),
            C("ts", "timestamp", "when"),
            C("action", "string", "what happened", values=("earn", "spend", "expire", "reverse")),
            C("points", "int64", "number of points, unsigned", "points", minimum=0),
            C("rule", "string", "rule that made the entry"),
            C("expires_on", "date", "last day of earned points", nullable=True),
        ),
        key=("entry_id",), time="ts", in_life=True,
    ),
    Table(
        "referrals", "a stage of an invitation",
        (
            C("referral_id", "id", "number of the entry"),
            C("code", "string", "the invitation code"),
            C("referrer_kind", "string", "who invites", values=("staff", "customer")),
            C("referrer_id", "id", "number of the employee or customer who invites"),
            C("referee_id", "id", "customer invited; null before sign-up", nullable=True,
              references="customers.customer_id"),
            C("campaign_id", "id", "campaign it belongs to", nullable=True, references="campaigns.campaign_id"),
            C("ts", "timestamp", "when"),
            C("stage", "string", "how far it got", values=("invited", "opened", "registered", "activated",
                                                          "transacted", "rewarded", "churned")),
        ),
        key=("referral_id",), time="ts",
    ),
    Table(
        "surveys", "a survey answer or a complaint",
        (
            C("response_id", "id", "number of the answer"),
            C("customer_id", "id", "who answered", references="customers.customer_id"),
            C("ts", "timestamp", "when"),
            C("touchpoint", "string", "what it is about",
              values=("app", "counter", "call_centre", "rm", "card", "loan", "campaign")),
            C("nps", "int64", "would recommend, 0 to 10", nullable=True, minimum=0, maximum=10),
            C("csat", "int64", "satisfaction, 1 to 5", nullable=True, minimum=1, maximum=5),
            C("effort", "int64", "effort it took, 1 little to 7 much", nullable=True, minimum=1, maximum=7),
            C("complaint", "string", "subject of a complaint", nullable=True),
        ),
        key=("response_id",), time="ts", in_life=True,
    ),
    Table(
        "truth", "what would have happened to an eligible customer (synthetic banks only; no estimator reads it)",
        (
            C("campaign_id", "id", "which campaign", references="campaigns.campaign_id"),
            C("customer_id", "id", "which customer", references="customers.customer_id"),
            C("outcome", "string", "which outcome", values=OUTCOMES),
            C("y0", "float64", "the outcome without the treatment", "yuan, count or 0/1"),
            C("y1", "float64", "the outcome with the treatment", "yuan, count or 0/1"),
            C("p_participate", "float64", "probability of taking part if allowed to", "probability",
              minimum=0, maximum=1),
            C("y1_b", "float64", "the outcome in the arm treatment_b, if the campaign has it", "yuan, count or 0/1",
              nullable=True),
            C("y1_c", "float64", "the outcome in the arm treatment_c, if the campaign has it", "yuan, count or 0/1",
              nullable=True),
        ),
        key=("campaign_id", "customer_id", "outcome"),
    ),
)  # fmt: skip

TABLES: dict[str, Table] = {table.name: table for table in _TABLES}
"""Every table of a bank by name, in the order of the data dictionary."""
