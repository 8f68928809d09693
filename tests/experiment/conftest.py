"""The simulated bank, opened once."""

import pytest
import simulated

import bankmkt as bm
from bankmkt import experiment


@pytest.fixture(scope="session")
def journey_frames():
    return simulated.frames()


@pytest.fixture(scope="session")
def journey_bank(journey_frames):
    return bm.open_bank(journey_frames)


@pytest.fixture(scope="session")
def journey(journey_bank):
    """Panel of the open campaign."""
    return experiment.panel(journey_bank, "journey").to_pandas()


@pytest.fixture(scope="session")
def pilot(journey_bank):
    """Panel of the randomised campaign."""
    return experiment.panel(journey_bank, "pilot").to_pandas()
