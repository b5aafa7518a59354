# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests that patch hosts of the rig."""

import os
import sys

import pytest

sys.path[:0] = [os.path.join(os.path.dirname(__file__), "..", "cluster"), os.path.dirname(__file__)]

from fixtures import rig  # noqa: E402,F401  pylint: disable=wrong-import-position,unused-import
from lab import Lab  # noqa: E402  pylint: disable=wrong-import-position


@pytest.fixture
def lab(rig, tmp_path_factory):  # noqa: F811  pylint: disable=redefined-outer-name
    """A Lab of its own for each test."""
    made = Lab(rig, str(tmp_path_factory.mktemp("lab")))
    yield made
    made.close()
