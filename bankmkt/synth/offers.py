"""What an analyst can offer in a campaign of their own: the bank's templates, for whomever they choose, at a price."""

import itertools
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from bankmkt.schema import TABLES
from bankmkt.synth.campaigns import JOURNEY, TEMPLATES, Campaign, Template, reply, schedule

if TYPE_CHECKING:
    import pandas as pd

ARMS = TABLES["assignments"]["arm"].values[1:-1]
"""Names of the treated arms."""
FIRST_OWN = 1_001
"""Number of an analyst's first campaign; the bank's own are numbered from 1."""

_OF = {template.name: template for template in TEMPLATES}


@dataclass(frozen=True)
class Offer:
    """A template and what it costs, in yuan per customer who gets it."""

    template: Template
    cost: float


OFFERS = {
    "card_sms": Offer(replace(_OF["card_activation"], channels=("sms",), join=reply(-1.1, 0.4)), 0.2),
    "card_call": Offer(replace(_OF["card_activation"], channels=("call",), join=reply(-0.4, -0.3)), 10.0),
    "fund_push": Offer(replace(_OF["fund_1111"], months=2, channels=("app_push",), join=reply(-0.8, 0.5)), 0.2),
    "fund_call": Offer(
        replace(_OF["fund_1111"], months=2, contacts=1, channels=("call",), join=reply(-0.3, -0.3)), 10.0
    ),
    "wealth_manager": Offer(replace(_OF["wealth_newcomer"], contacts=1, channels=("rm",)), 40.0),
    "balance_care": Offer(replace(_OF["payroll_retention"], channels=("call",)), 10.0),
    "wake_up_coupon": Offer(replace(_OF["app_wake_up"], contacts=1, channels=("sms",)), 3.0),
    "benefit_journey": Offer(JOURNEY, 12.0),
}
"""Each derived from a template of the bank: the same laws, the same four answers, the same weariness of contacts."""


@dataclass(frozen=True)
class Own:
    """An analyst's campaign, as a bank's manifest keeps it.

    ``index`` is the bank's month in which it starts, ``months`` the length of its outcome window; ``offers`` are by
    arm, from the first treated one; ``assignment`` and ``outcome`` as in the table ``campaigns``.
    """

    campaign_id: int
    name: str
    index: int
    months: int
    offers: tuple[str, ...]
    assignment: str
    outcome: str
    budget: float

    def campaigns(self) -> list[Campaign]:
        """Return the campaign of each treated arm."""
        templates = [OFFERS[offer].template for offer in self.offers]
        mixed = len({t.product for t in templates}) > 1
        return [
            Campaign(
                self.campaign_id, self.name,
                replace(t, name=self.name, assignment=self.assignment, months=min(t.months, self.months),
                        window=self.months, kind="short_term", outcome=self.outcome,
                        objective=f"An analyst's own: {', '.join(self.offers)}"),
                self.index, arm, mixed,
            )
            for arm, t in enumerate(templates, 1)
        ]  # fmt: skip

    def record(self) -> dict[str, Any]:
        """Return it as JSON keeps it."""
        return asdict(self) | {"offers": list(self.offers)}


def own_of(records: list[dict[str, Any]]) -> tuple[Own, ...]:
    """Read back what :meth:`Own.record` returned, campaign by campaign."""
    return tuple(Own(**(record | {"offers": tuple(record["offers"])})) for record in records)


def all_campaigns(start: str, months: int, own: tuple[Own, ...]) -> list[Campaign]:
    """Return a bank's campaigns that start in its first ``months`` months, in the order in which they are enrolled."""
    mine = itertools.chain.from_iterable(campaign.campaigns() for campaign in own)
    found = [*schedule(start, months), *(campaign for campaign in mine if campaign.index < months)]
    return sorted(found, key=lambda campaign: (campaign.index, campaign.campaign_id, campaign.arm))


def offers() -> "pd.DataFrame":
    """List what an analyst can offer in a generated bank.

    Returns
    -------
    pandas.DataFrame
        A row per offer: offer, objective, product (None for activity), channels, contacts (a month, to each customer
        who gets it), months (it runs at most), cost (yuan per customer who gets it).

    Examples
    --------
    >>> offers().query("product == 'fund'")[["offer", "channels", "cost"]]
           offer  channels  cost
    2  fund_push  app_push   0.2
    3  fund_call      call  10.0
    """
    import pandas as pd

    return pd.DataFrame(
        {
            "offer": name, "objective": o.template.objective, "product": o.template.product,
            "channels": ", ".join(o.template.channels), "contacts": o.template.contacts, "months": o.template.months,
            "cost": o.cost,
        }
        for name, o in OFFERS.items()
    )  # fmt: skip
