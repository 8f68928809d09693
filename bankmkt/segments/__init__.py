"""Who the customers are: check-up, RFM, life cycle, 112 segments, groups of the long tail, value and potential."""

from bankmkt.segments.agreement import Agreement, state_agreement
from bankmkt.segments.attrition import Attrition, attrition, transitions
from bankmkt.segments.base import CustomerBase, customer_base
from bankmkt.segments.clusters import Clusters, clusters
from bankmkt.segments.health import HealthCheck, health_check
from bankmkt.segments.lifecycle import STATES, lifecycle
from bankmkt.segments.matrix import matrix, matrix_summary
from bankmkt.segments.migration import flows, migration
from bankmkt.segments.outlook import Outlook, purchase_outlook
from bankmkt.segments.potential import potential_value
from bankmkt.segments.retention import retention
from bankmkt.segments.rfm import RFM, rfm
from bankmkt.segments.rfm_names import rfm_cells
from bankmkt.segments.rfm_sensitivity import rfm_sensitivity
from bankmkt.segments.value import customer_value, value_by, value_rates
from bankmkt.segments.value_calibration import calibrate_value

__all__ = [
    "RFM",
    "STATES",
    "Agreement",
    "Attrition",
    "Clusters",
    "CustomerBase",
    "HealthCheck",
    "Outlook",
    "attrition",
    "calibrate_value",
    "clusters",
    "customer_base",
    "customer_value",
    "flows",
    "health_check",
    "lifecycle",
    "matrix",
    "matrix_summary",
    "migration",
    "potential_value",
    "purchase_outlook",
    "retention",
    "rfm",
    "rfm_cells",
    "rfm_sensitivity",
    "state_agreement",
    "transitions",
    "value_by",
    "value_rates",
]
