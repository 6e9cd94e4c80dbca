"""What this room refuses, in words for whoever wants to reach a cluster.

    AccessError
    ├── ProviderFileError          the provider file says something that is not allowed
    │   └── ProviderFileMissing    it is not there, or cannot be read
    ├── UnusableProfile            a ClusterProfile says what nobody may use
    │   └── NoProvider             it offers no way that the provider file knows
    ├── PluginError                a credential plugin of ours has nothing to hand out
    └── UnusableRegistration       an object of an old registry cannot be made a ClusterProfile

Texts from outside are cut, and made visible. No text quotes a credential, or an environment variable's value.
"""

from mcs_controller.clusterset.errors import cut


class AccessError(Exception):
    """The text says what is wrong and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(cut(message, 512))


class ProviderFileError(AccessError):
    """Nothing of the file is used."""


class ProviderFileMissing(ProviderFileError):
    """There is no file to be read."""


class UnusableProfile(AccessError):
    """The cluster is not reached by this profile; others are not concerned."""


class NoProvider(UnusableProfile):
    """No access provider of the profile is in the provider file."""


class PluginError(AccessError):
    """No credential is printed."""


class UnusableRegistration(AccessError):
    """The object is not converted."""
