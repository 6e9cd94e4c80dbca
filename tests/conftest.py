"""What every test can use: the plugins of the suite."""

pytest_plugins = ["tests.realkube.plugin", "tests.requirements_plugin"]
