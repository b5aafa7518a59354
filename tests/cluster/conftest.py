# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the tests of the rig itself."""

import os

import pytest

from fixtures import refuse, rig  # noqa: F401  pylint: disable=unused-import


@pytest.fixture(scope="module")
def outside():
    """For tests that start rigs of their own: these must run as root and not in a rig."""
    if os.environ.get("RIG_INNER"):
        pytest.skip("inside a rig: run this one directly, without tests/cluster/enter")
    if os.geteuid() != 0:
        refuse("needs root")
