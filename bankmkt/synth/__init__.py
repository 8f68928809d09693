"""A synthetic bank whose truth is known: population → behaviour → campaigns → transactions, events → files.

``docs/synthetic-bank.md`` states every distribution and where it comes from.
"""

from bankmkt.synth.offers import offers
from bankmkt.synth.produce import advance_bank, demo_bank, generate
from bankmkt.synth.world import World

__all__ = ["World", "advance_bank", "demo_bank", "generate", "offers"]
