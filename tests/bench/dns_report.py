"""The figures of `make bench-dns` as Markdown, for the terminal and for docs/benchmarks.md."""

from collections.abc import Iterator
from pathlib import Path

from tests.bench.dns_crowd import BURST
from tests.bench.dns_load import CLIENTS, OUTSTANDING
from tests.bench.dns_setting import Json
from tests.bench.dns_throughput import LIMIT_SHARE

BEGIN, END = "<!-- bench-dns -->\n", "<!-- end -->\n"

LOADS = (
    f"dnsperf sends one query at a time from {CLIENTS} sockets and has up to {OUTSTANDING} under way.",
    f"The crowd sends bursts of {BURST} queries from {CLIENTS} sockets, a burst with one system call,",
    f"and the next one when the whole burst is answered: up to {CLIENTS * BURST} are under way.",
    "Each has one core. The figure in bold counts: dnsperf's, or the crowd's where dnsperf alone was the",
    f"limit: used {LIMIT_SHARE:.0%} of its core or more against our server, and our server less than that.",
    "Our answers are kept ready, so the rows with CoreDNS's cache compare like with like.",
)
"""Above the tables, since the figures mean nothing without it."""


def table(figures: Json) -> str:
    """All tables that there are figures for."""
    return "\n".join(_lines(figures)) + "\n"


def write_page(page: Path, text: str) -> None:
    """Put the tables between the page's marks."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"{page} has no marks {BEGIN.strip()} and {END.strip()}")
    page.write_text(f"{before}{begin}{text}{end}{after}")


def _lines(figures: Json) -> Iterator[str]:
    versions = figures["versions"]
    yield "; ".join(f"{name} {value}" for name, value in versions.items())
    if "classes" in figures or "churn" in figures:
        yield ""
        yield from LOADS
    if "classes" in figures:
        yield from _throughput(figures["classes"])
        if any("rate_qps" in row for row in figures["classes"]):
            yield from _latency(figures["classes"])
    if "large" in figures:
        yield from _large(figures["large"])
    if "churn" in figures:
        yield from _churn(figures["churn"])


def _throughput(rows: list[Json]) -> Iterator[str]:
    """Both loads side by side; the ratio that counts is in bold."""
    yield ""
    yield (
        "| questions | over | CoreDNS's cache "
        "| dnsperf, q/s: ours, CoreDNS | ratio | busy: ours, CoreDNS, dnsperf "
        "| crowd, q/s: ours, CoreDNS | ratio | busy: ours, CoreDNS, crowd |"
    )
    yield "|---" * 9 + "|"
    for row in rows:
        loads = (_load(row, kind) if f"{kind}_ratio" in row else "| | | " for kind in ("dnsperf", "crowd"))
        cache = "on" if row["cache"] else "off"
        yield f"| {row['name']} | {row['proto'].upper()} | {cache} {''.join(loads)}|"
    lost = {
        f"{kind}, {row['name']} over {row['proto'].upper()}, {system}": row[f"{kind}_{key}_lost"]
        for row in rows
        for kind in ("dnsperf", "crowd")
        for key, system in (("ours", "ours"), ("coredns", "CoreDNS, cache" if row["cache"] else "CoreDNS"))
        if row.get(f"{kind}_{key}_lost")
    }
    yield ""
    for cached, switch in ((False, "off"), (True, "on")):
        ratios = [row["ratio_to_best"] for row in rows if row["proto"] == "udp" and row["cache"] is cached]
        if ratios:
            yield (
                "Over UDP, our figure that counts to the better of CoreDNS's two, "
                f"cache {switch}: {min(ratios)} or more."
            )
    yield (
        "Lost, or answered with a response code that the question does not have: "
        + ("; ".join(f"{who} {count:,}" for who, count in lost.items()) or "none")
        + "."
    )


def _load(row: Json, kind: str) -> str:
    ratio = f"**{row[f'{kind}_ratio']}**" if row["load"] == kind else str(row[f"{kind}_ratio"])
    busy = ", ".join(f"{row[f'{kind}_{key}']:.0%}" for key in ("ours_busy", "coredns_busy", "busy"))
    return f"| {row[f'{kind}_ours_qps']:,}, {row[f'{kind}_coredns_qps']:,} | {ratio} | {busy} "


def _latency(rows: list[Json]) -> Iterator[str]:
    yield ""
    yield "| questions | over | CoreDNS's cache | at q/s | p50: ours, CoreDNS | p99: ours, CoreDNS |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        yield (
            f"| {row['name']} | {row['proto'].upper()} | {'on' if row['cache'] else 'off'} "
            f"| {row['rate_qps']:,} | {row['ours_p50_ms']}, {row['coredns_p50_ms']} ms "
            f"| {row['ours_p99_ms']}, {row['coredns_p99_ms']} ms |"
        )


def _large(figures: Json) -> Iterator[str]:
    yield ""
    size = f"{figures['services']:,} services, {figures['slices']:,} slices of 10 endpoints"
    yield f"| {size} | ours | CoreDNS |"
    yield "|---|---|---|"
    for key, what, unit in (
        ("ready_s", "start to ready", "s"),
        ("ready_cpu_s", "CPU until ready", "s"),
        ("ready_mib", "resident when ready", "MiB"),
        ("asked_mib", "resident after every service's names were asked for", "MiB"),
    ):
        yield f"| {what} | {figures['ours'][key]} {unit} | {figures['coredns'][key]} {unit} |"


def _churn(rows: list[Json]) -> Iterator[str]:
    yield ""
    yield (
        "| services, ours | CPU per change | changes: made, seen | API server on the load's core "
        "| dnsperf, q/s: quiet, changing | loss | crowd, q/s: quiet, changing | loss "
        "| p99: quiet, changing | ratio | lost |"
    )
    yield "|---" * 11 + "|"
    for row in rows:
        loads = []
        for kind in ("dnsperf", "crowd"):
            loss = f"{row[f'{kind}_qps_loss']:.1%}"
            loads.append(
                f"| {row[f'{kind}_quiet_qps']:,}, {row[f'{kind}_churn_qps']:,} "
                f"| {f'**{loss}**' if row['load'] == kind else loss} "
            )
        yield (
            f"| {row['services']:,} | {row['cpu_us_per_change']} µs "
            f"| {row['changes']:,}, {row['changes_seen']:,} | {row['api_server_busy']:.1%} "
            f"{''.join(loads)}| {row['quiet_p99_ms']}, {row['churn_p99_ms']} ms "
            f"| {row['p99_ratio']} | {row['lost']:,} |"
        )
