"""Who the customers are: check-up, RFM, life cycle, 112 segments, groups of the long tail, value and potential."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bankmkt.segments.agreement import Agreement, state_agreement
from bankmkt.segments.attrition import Attrition, attrition, transitions
from bankmkt.segments.base import CustomerBase, customer_base
from bankmkt.segments.clusters import Clusters, clusters
from bankmkt.segments.health import HealthCheck, health_check
from bankmkt.segments.lifecycle import STATES, lifecycle
from bankmkt.segments.matrix import matrix
from bankmkt.segments.matrix_sums import matrix_summary
from bankmkt.segments.migration import flows, migration
from bankmkt.segments.outlook import Outlook, purchase_outlook
from bankmkt.segments.potential import potential_value
from bankmkt.segments.preferences import preferences
from bankmkt.segments.product_value import margin_by_product
from bankmkt.segments.retention import retention
from bankmkt.segments.rfm import RFM, rfm
from bankmkt.segments.rfm_names import rfm_cells
from bankmkt.segments.rfm_sensitivity import rfm_sensitivity
from bankmkt.segments.value import customer_value, value_by
from bankmkt.segments.value_calibration import calibrate_value
from bankmkt.segments.value_rates import DISCOUNT, YEARS
from bankmkt.segments.value_shown import ValueRates, value_rates

if TYPE_CHECKING:
    from bankmkt.segments.bgnbd import BGNBD
    from bankmkt.segments.gamma_gamma import GammaGamma
    from bankmkt.segments.purchase_history import purchase_summary
    from bankmkt.segments.purchases import purchase_value

_LATER = {
    "BGNBD": "bankmkt.segments.bgnbd",
    "GammaGamma": "bankmkt.segments.gamma_gamma",
    "purchase_summary": "bankmkt.segments.purchase_history",
    "purchase_value": "bankmkt.segments.purchases",
}
"""Names whose modules import scikit-learn, loaded at first use."""

__all__ = [
    "BGNBD",
    "DISCOUNT",
    "RFM",
    "STATES",
    "YEARS",
    "Agreement",
    "Attrition",
    "Clusters",
    "CustomerBase",
    "GammaGamma",
    "HealthCheck",
    "Outlook",
    "ValueRates",
    "attrition",
    "calibrate_value",
    "clusters",
    "customer_base",
    "customer_value",
    "flows",
    "health_check",
    "lifecycle",
    "margin_by_product",
    "matrix",
    "matrix_summary",
    "migration",
    "potential_value",
    "preferences",
    "purchase_outlook",
    "purchase_summary",
    "purchase_value",
    "retention",
    "rfm",
    "rfm_cells",
    "rfm_sensitivity",
    "state_agreement",
    "transitions",
    "value_by",
    "value_rates",
]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module 'bankmkt.segments' has no attribute {name!r}")
