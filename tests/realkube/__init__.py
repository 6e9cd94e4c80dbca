"""Real Kubernetes control planes on loopback, for tests: see clusterset.py for how they are started."""
