"""Who the customers are: the month's check-up of a bank, as a whole and by group, unit, product and channel; RFM."""

from bankmkt.segments.attrition import Attrition, attrition, transitions
from bankmkt.segments.health import HealthCheck, health_check
from bankmkt.segments.lifecycle import STATES, lifecycle
from bankmkt.segments.matrix import matrix, matrix_summary
from bankmkt.segments.migration import flows, migration
from bankmkt.segments.potential import potential_value
from bankmkt.segments.retention import retention
from bankmkt.segments.rfm import RFM, rfm
from bankmkt.segments.rfm_names import rfm_cells
from bankmkt.segments.rfm_sensitivity import rfm_sensitivity
from bankmkt.segments.value import calibrate_value, customer_value, value_by, value_rates

__all__ = [
    "RFM",
    "STATES",
    "Attrition",
    "HealthCheck",
    "attrition",
    "calibrate_value",
    "customer_value",
    "flows",
    "health_check",
    "lifecycle",
    "matrix",
    "matrix_summary",
    "migration",
    "potential_value",
    "retention",
    "rfm",
    "rfm_cells",
    "rfm_sensitivity",
    "transitions",
    "value_by",
    "value_rates",
]
