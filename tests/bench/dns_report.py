"""The figures of `make bench-dns` as Markdown, for the terminal and for docs/benchmarks.md."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]

BEGIN, END = "<!-- bench-dns -->\n", "<!-- end -->\n"


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
    if "classes" in figures:
        yield from _throughput(figures["classes"])
        if any("rate_qps" in row for row in figures["classes"]):
            yield from _latency(figures["classes"])
    if "large" in figures:
        yield from _large(figures["large"])
    if "churn" in figures:
        yield from _churn(figures["churn"])


def _throughput(rows: list[Json]) -> Iterator[str]:
    yield ""
    yield "| questions | over | CoreDNS's cache | ours, q/s | CoreDNS, q/s | ratio | busy: ours, CoreDNS |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        yield (
            f"| {row['name']} | {row['proto'].upper()} | {'on' if row['cache'] else 'off'} "
            f"| {row['ours_qps']:,} | {row['coredns_qps']:,} | {row['ratio']} "
            f"| {row['ours_busy']:.0%}, {row['coredns_busy']:.0%} |"
        )


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
        "| services, ours | CPU per change | q/s quiet, 300 changes/s "
        "| q/s per second of CPU quiet, changing | p99 quiet, changing |"
    )
    yield "|---|---|---|---|---|"
    for row in rows:
        yield (
            f"| {row['services']:,} | {row['cpu_us_per_change']} µs "
            f"| {row['quiet_qps']:,}, {row['churn_qps']:,} "
            f"| {row['quiet_qps_per_cpu']:,}, {row['churn_qps_per_cpu']:,} "
            f"| {row['quiet_p99_ms']}, {row['churn_p99_ms']} ms |"
        )
