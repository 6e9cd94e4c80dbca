from prometheus_client import generate_latest

from tests.cli.metrics_reference import PAGE, agent_registry, dns_registry, families, with_tables


async def test_the_metrics_page_shows_every_metric_that_is_registered() -> None:
    page = PAGE.read_text()
    assert page == with_tables(page), "run: .venv/bin/python -m tests.cli.metrics_reference"


async def test_metrics_carry_our_prefix_or_the_client_library_s() -> None:
    for registry in (agent_registry(), dns_registry()):
        for family, _ in families(registry):
            assert family.name.startswith(("mcs_", "process_", "python_")), family.name
            assert family.documentation, family.name


async def test_durations_are_in_seconds_and_say_so() -> None:
    for registry in (agent_registry(), dns_registry()):
        names = [family.name for family, _ in families(registry) if family.type == "histogram"]
        assert names
        assert [name for name in names if not name.endswith("_seconds")] == []


async def test_a_process_that_has_reached_nobody_yet_can_be_scraped() -> None:
    assert b'mcs_kube_reachable{client="broker"} 0.0' in generate_latest(agent_registry())
    assert b'mcs_kube_reachable{client="local"} 0.0' in generate_latest(dns_registry())
    assert b"mcs_agent_leading 0.0" in generate_latest(agent_registry())
