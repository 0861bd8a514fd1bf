"""The settings of an audit as a session keeps them."""

from __future__ import annotations

import math
from dataclasses import replace

from aether_engine.audit import CHECKS, AuditSettings
from aether_engine.replay import REDUCERS


def kept_settings(values: object) -> AuditSettings:
    """The settings that `AuditSettings.to_json` wrote; what is not as it should be is as usual."""
    usual = AuditSettings()
    if not isinstance(values, dict):
        return usual
    checks, limit, reducer = values.get("checks"), values.get("limit"), values.get("reducer")
    if isinstance(checks, list):
        usual = replace(usual, checks=frozenset(check for check in checks if check in CHECKS))
    if type(limit) is int and limit > 0:
        usual = replace(usual, limit=limit)
    if reducer in REDUCERS:
        usual = replace(usual, reducer=str(reducer))
    return replace(
        usual,
        snapshots=values.get("snapshots") is True,
        ahead_seconds=_seconds(values.get("ahead_seconds"), usual.ahead_seconds),
        behind_seconds=_seconds(values.get("behind_seconds"), usual.behind_seconds),
    )


def _seconds(value: object, usual: float) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return usual
    return float(value) if math.isfinite(value) and value >= 0 else usual
