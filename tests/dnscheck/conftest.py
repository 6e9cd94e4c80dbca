"""Property tests: no deadline, since the machine may be busy."""

from hypothesis import HealthCheck, settings

settings.register_profile("dnscheck", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("dnscheck")
