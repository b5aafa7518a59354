# SPDX-License-Identifier: Apache-2.0
"""Fixtures that every test on hosts shares."""

import os

import pytest

from rig import Rig


def refuse(reason):
    """Skip the test, but fail it in CI, where a skipped system test would pass unnoticed."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def rig(request):
    """An empty rig for the tests of one module; the module adds and boots its hosts."""
    if os.environ.get("RIG_INNER") != "1":
        refuse("not inside a rig: run pytest through tests/cluster/enter")
    module = request.module.__name__.rpartition(".")[2]
    with Rig(os.path.join(os.environ["RIG_LOGS"], module)) as made:
        yield made
