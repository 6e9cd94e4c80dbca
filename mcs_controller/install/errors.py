"""What the commands that install something refuse, in words for whoever ran them.

InstallError
├── BeingDeleted       an object that is wanted is going, and not gone yet
├── NotOurs            an object is in the way that these commands did not make
└── UnusableKubeconfig the kubeconfig of a member says too little, or is of no use elsewhere
"""


class InstallError(Exception):
    """The text says what is wrong and what to do."""


class BeingDeleted(InstallError):
    """It can be made when it is gone; `what` is the object."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(
            f"{what} is being deleted: run the command again when it is gone. Its conditions and finalizers "
            "(kubectl get -o yaml) say what it waits for"
        )


class NotOurs(InstallError):
    """Nothing was written: what others made is neither changed nor taken over."""


class UnusableKubeconfig(InstallError):
    """It cannot be handed to a cluster's agent."""
