"""A report as one HTML file: no script, nothing loaded from elsewhere, made to be printed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from aether_engine.audit.checks import CHECKS
from aether_engine.audit.comparing import Comparison
from aether_engine.audit.finding import Finding
from aether_engine.audit.report import PART, AuditReport
from aether_engine.audit.report_facts import facts_of
from aether_engine.audit.report_picture import COLOURS, picture_by_actor, picture_over_time
from aether_engine.audit.report_text import escaped
from aether_engine.codec import format_timestamp

_STYLE = """
:root { color-scheme: light; }
body { font: 13px/1.45 system-ui, "Segoe UI", sans-serif; color: #1c2126; max-width: 1100px; margin: 2em auto;
  padding: 0 1.5em; }
h1 { font-size: 22px; margin: 0 0 .2em; } h2 { font-size: 16px; margin: 2em 0 .5em; } h3 { font-size: 14px; }
.verdict { font-size: 15px; padding: .7em 1em; border-left: 4px solid; margin: 1em 0; background: #f4f5f7; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
th, td { text-align: left; vertical-align: top; padding: .3em .6em .3em 0; border-bottom: 1px solid #d9dce1;
  overflow-wrap: anywhere; }
th { font-weight: 600; color: #4a5561; } thead { display: table-header-group; } tr { break-inside: avoid; }
.facts th { width: 13em; } .n { text-align: right; } .mono { font-family: ui-monospace, monospace; font-size:
12px; } .error { color: #8c1a0f; } .warning { color: #8a5d00; } .note { color: #4a5561; }
.meaning { color: #4a5561; margin: .2em 0 .6em; } .hint, .evidence { color: #4a5561; font-size: 12px; }
svg text { font: 11px system-ui, sans-serif; fill: #4a5561; } svg { max-width: 100%; height: auto; }
.legend span { display: inline-block; width: .9em; height: .9em; margin: 0 .3em 0 1em; vertical-align: -1px; }
footer { margin: 3em 0 1em; color: #4a5561; border-top: 1px solid #d9dce1; padding-top: .6em; }
@page { margin: 15mm; }
@media print { body { margin: 0; max-width: none; font-size: 10.5px; } h2 { break-after: avoid; } }
"""


def html_report(report: AuditReport, comparison: Comparison | None = None) -> bytes:
    """The report, with what changed since an earlier one if there is a comparison."""
    return b"".join(html_parts(report, comparison))


def html_parts(report: AuditReport, comparison: Comparison | None = None) -> Iterator[bytes]:
    """`html_report` piece by piece, a few hundred findings in each."""
    yield f"{_head(f'Audit of {report.url}')}{_verdict(report)}{_facts(report)}{_pictures(report)}".encode()
    if comparison is not None:
        yield _comparison(comparison).encode()
    for part in _findings(report):
        yield part.encode()
    yield (
        f"<footer>Written by {escaped(report.tool)} on {format_timestamp(report.written_at)}. "
        "Nothing was changed by the audit; what each check means is described with its findings.</footer>"
        "</body></html>\n"
    ).encode()


def _head(title: str) -> str:
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f'<meta name="viewport" content="width=device-width"><title>{escaped(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escaped(title)}</h1>"
    )


def _verdict(report: AuditReport) -> str:
    if not report.total:
        text, kind = "No findings.", "note"
    else:
        counts = report.by_severity()
        worst = next(severity for severity, count in counts.items() if count)
        kind = worst.value
        shown = ", ".join(
            f"{count:,} {severity.value}{'' if count == 1 else 's'}" for severity, count in counts.items() if count
        )
        text = f"{report.total:,} finding{'' if report.total == 1 else 's'}: {shown}."
    if not report.is_complete:
        text += " The audit was ended before it had seen everything."
    return f'<p class="verdict {kind}">{escaped(text)} {report.events:,} events were checked.</p>'


def _facts(report: AuditReport) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escaped(name)}</th><td{_monospaced(name)}>{escaped(value)}</td></tr>'
        for name, value in facts_of(report)
    )
    return f'<h2>What was audited</h2><table class="facts"><tbody>{rows}</tbody></table>'


def _monospaced(name: str) -> str:
    return ' class="mono"' if name.startswith("SHA") else ""


def _pictures(report: AuditReport) -> str:
    over_time, by_actor = picture_over_time(report.findings), picture_by_actor(report.findings)
    if not over_time and not by_actor:
        return ""
    legend = "".join(
        f'<span style="background:{colour}"></span>{severity.value}' for severity, colour in COLOURS.items()
    )
    parts = ["<h2>Findings at a glance</h2>", f'<p class="legend">{legend}</p>']
    if over_time:
        parts.append(f"<h3>By the time of recording (UTC)</h3>{over_time}")
    if by_actor:
        parts.append(f"<h3>By actor</h3>{by_actor}")
    return "".join(parts)


def _comparison(comparison: Comparison) -> str:
    rows = "".join(
        f"<tr><td>{escaped(what)}</td><td class=n>{len(findings):,}</td></tr>"
        for what, findings in (
            ("New", comparison.new),
            ("Gone", comparison.gone),
            ("Same", comparison.same),
        )
    )
    gone = "".join(_row(one) for one in comparison.gone)
    listed = f"<h3>Gone since then</h3>{_table(gone)}" if gone else ""
    return (
        f"<h2>Compared with the report of {format_timestamp(comparison.before.written_at)}</h2>"
        f'<table style="width:16em"><tbody>{rows}</tbody></table>{listed}'
    )


def _findings(report: AuditReport) -> Iterator[str]:
    yield "<h2>Findings</h2>"
    if not report.findings:
        yield "<p>None.</p>"
    for check_id, group in groupby(report.findings, key=lambda one: one.check):
        check = CHECKS[check_id]
        listed = list(group)
        count = report.counts.get(check_id, len(listed))
        shown = sum(one.count for one in listed)
        said = f"{count:,}" if shown == count else f"{count:,}, of which {shown:,} are listed"
        kind = f"{check.severity.value}{'' if count == 1 else 's'}"
        yield (
            f'<h3 class="{check.severity.value}">{escaped(check.title)} ({said} {kind})</h3>'
            f'<p class="meaning">{escaped(check.meaning)} {escaped(check.remedy)}</p>'
        )
        before, after = _table("\0").split("\0")
        yield before
        for start in range(0, len(listed), PART):
            yield "".join(_row(one) for one in listed[start : start + PART])
        yield after


def _table(rows: str) -> str:
    return (
        '<table><colgroup><col style="width:14%"><col style="width:9%"><col style="width:17%">'
        '<col style="width:17%"><col></colgroup><thead><tr>'
        "<th>Namespace</th><th>Sequence</th><th>Actor, version</th>"
        f"<th>Time</th><th>What is wrong</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _row(one: Finding) -> str:
    sequence = "" if one.sequence is None else f"{one.sequence:,}"
    if one.last_sequence is not None and one.last_sequence != one.sequence:
        sequence += f" to {one.last_sequence:,}"
    version = "" if one.version is None else f" v{one.version}"
    time = one.timestamp or ("" if one.recorded_at is None else format_timestamp(one.recorded_at))
    details: list[str] = []
    if one.hint:
        details.append(f'<div class="hint">{escaped(one.hint)}</div>')
    evidence = [*one.evidence]
    if one.offset is not None:
        evidence.append(("Offset", f"0x{one.offset:04X}"))
    if one.path:
        evidence.append(("Path", one.path))
    if evidence:
        shown = " · ".join(f"{escaped(name)}: {escaped(value)}" for name, value in evidence)
        details.append(f'<div class="evidence">{shown}</div>')
    return (
        f"<tr><td>{escaped(one.namespace)}</td><td>{sequence}</td><td>{escaped(one.actor_id)}{version}</td>"
        f"<td>{escaped(time)}</td><td>{escaped(one.explanation)}{''.join(details)}</td></tr>"
    )
