"""Who the customers are: the month's check-up of a bank, as a whole and by group, unit, product and channel."""

from bankmkt.segments.health import HealthCheck, health_check

__all__ = ["HealthCheck", "health_check"]
