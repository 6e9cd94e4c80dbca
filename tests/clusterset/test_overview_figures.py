"""What counters say, read from the text that processes serve."""

from mcs_controller.clusterset.overview.exposition import LAG, read_samples
from mcs_controller.clusterset.overview.figures import Reading, agent_seen, dns_rate
from mcs_controller.clusterset.overview.model import AgentSeen, DnsRate, Lag, Unknown

AGENT = """\
# HELP mcs_export_to_import_seconds From the exporting cluster's agent seeing a change
# TYPE mcs_export_to_import_seconds histogram
mcs_export_to_import_seconds_bucket{le="0.1"} %g
mcs_export_to_import_seconds_bucket{le="1.0"} %g
mcs_export_to_import_seconds_bucket{le="+Inf"} %g
mcs_member_heartbeat_age_seconds{member="west"} 2.5
mcs_kube_reachable{client="broker"} 1.0
mcs_kube_reachable{client="local"} 0.0
"""
DNS = 'mcs_dns_requests_total{proto="udp",type="A",rcode="NOERROR"} %g\n'
DNS += 'mcs_dns_requests_total{proto="udp",type="A",rcode="SERVFAIL"} %g\n'


def agent(at_seconds: float, *counts: float) -> Reading:
    return Reading(at_seconds, read_samples(AGENT % counts))


def dns(at_seconds: float, *counts: float) -> Reading:
    return Reading(at_seconds, read_samples(DNS % counts))


def lag(*replicas: list[Reading]) -> Lag | Unknown:
    seen = agent_seen(replicas)
    assert isinstance(seen, AgentSeen)
    return seen.lag


def rounded(seen: Lag | Unknown) -> tuple[float | None, ...]:
    assert isinstance(seen, Lag)
    return tuple(None if one is None else round(one, 3) for one in seen)


def test_only_what_is_needed_is_read_and_labels_are_kept() -> None:
    text = 'other_total 1\nmcs_dns_requests_total{a="b"} nonsense\n'
    text += 'mcs_export_to_import_seconds_bucket{le="1",q="a\\"b,c"} 7 1700\n'
    (sample,) = read_samples(text)
    assert (sample.name, sample.labels["le"], sample.value) == (LAG, "1", 7.0)
    assert read_samples("mcs_dns_requests_total{ 1\n\n\x00") == ()


def test_lag_is_that_of_the_window_or_else_since_the_start() -> None:
    since_start = lag([agent(0.0, 50, 100, 100)])
    assert rounded(since_start) == (0.1, 0.982, 100, None)
    assert lag([agent(0.0, 50, 100, 100), agent(60.0, 50, 100, 100)]) == since_start
    recent = lag([agent(0.0, 50, 100, 100), agent(30.0, 50, 101, 101), agent(60.0, 50, 110, 110)])
    assert rounded(recent) == (0.55, 0.991, 10, 60.0)


def test_a_quantile_beyond_the_last_bound_is_not_known_and_no_change_has_no_lag() -> None:
    assert rounded(lag([agent(0.0, 0, 60, 100)])) == (0.85, None, 100, None)
    assert isinstance(lag([agent(0.0, 0, 0, 0)]), Unknown)


def test_a_process_that_began_anew_is_counted_since_then() -> None:
    assert lag([agent(0.0, 50, 100, 100), agent(60.0, 1, 2, 2)]) == lag([agent(0.0, 1, 2, 2)])


def test_replicas_are_taken_together_and_say_whether_the_broker_is_reached() -> None:
    seen = agent_seen([[agent(0.0, 0, 0, 0)], [agent(0.0, 50, 100, 100)], []])
    assert isinstance(seen, AgentSeen)
    assert (seen.lag, seen.reaches_broker) == (lag([agent(0.0, 50, 100, 100)]), True)
    assert dict(seen.members) == {"west": 2.5}
    assert isinstance(agent_seen([[], []]), Unknown)
    silent = agent_seen([[Reading(0.0, ())]])
    assert isinstance(silent, AgentSeen)
    assert silent.reaches_broker is None


def test_a_rate_takes_two_readings_of_one_process() -> None:
    assert isinstance(dns_rate([[dns(0.0, 5, 5)]]), Unknown)
    assert isinstance(dns_rate([]), Unknown)
    east = [dns(0.0, 0, 0), dns(1.0, 100, 0), dns(3.0, 120, 4)]
    assert dns_rate([east]) == DnsRate(12.0, 2.0)
    assert dns_rate([east, [dns(2.0, 0, 0), dns(3.0, 10, 0)]]) == DnsRate(22.0, 2.0)
    assert isinstance(dns_rate([[dns(0.0, 9, 0), dns(1.0, 1, 0)]]), Unknown)
    assert isinstance(dns_rate([[dns(1.0, 9, 0), dns(1.0, 10, 0)]]), Unknown)


def test_one_replica_that_reaches_the_broker_is_enough_and_the_own_api_server_is_none() -> None:
    def reaches(*values: str) -> bool | None:
        found = agent_seen([[Reading(0.0, read_samples(one))] for one in values])
        assert isinstance(found, AgentSeen)
        return found.reaches_broker

    yes, no = (f'mcs_kube_reachable{{client="broker"}} {value}\n' for value in (1, 0))
    own = 'mcs_kube_reachable{client="local"} 1\n'
    assert reaches(yes) is reaches(yes, no) is reaches(no, yes) is True
    assert reaches(no) is reaches(no + own) is reaches(no, own) is False
    assert reaches(own) is None
