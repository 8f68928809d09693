"""What customers do: funnels over any table of events."""

from bankmkt.funnel.funnel import Funnel, funnel

__all__ = ["Funnel", "funnel"]
