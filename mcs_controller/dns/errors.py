"""The errors of this room.

    DnsError
    ├── ZoneNameError    the zone's name is not a DNS name
    └── ListenError      an address that cannot be listened on

Both are mistakes of configuration: the text is one line that says what is wrong and what to do. What comes
in from the network never raises.
"""


class DnsError(Exception):
    """Anything that keeps the DNS server from starting."""


class ZoneNameError(DnsError):
    """The zone's name cannot be used."""


class ListenError(DnsError):
    """An address could not be bound; the text says which, why and what to do."""
