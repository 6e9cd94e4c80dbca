"""Property tests: no deadline, since the machine may be busy, and as many examples as it takes."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "rules", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("rules")
