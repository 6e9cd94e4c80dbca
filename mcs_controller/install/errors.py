"""What the commands that install something refuse, in words for whoever ran them.

InstallError
├── NotOurs            an object is in the way that these commands did not make
└── UnusableKubeconfig the kubeconfig of a member says too little, or is of no use elsewhere
"""


class InstallError(Exception):
    """The text says what is wrong and what to do."""


class NotOurs(InstallError):
    """Nothing was written: what others made is neither changed nor taken over."""


class UnusableKubeconfig(InstallError):
    """It cannot be handed to a cluster's agent."""
