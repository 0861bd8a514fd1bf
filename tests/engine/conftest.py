"""Makes a failing assertion of the shipped contracts as readable as one of the tests here."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("aether_engine.testing")
