"""The reader of YAML from elsewhere: files and Secrets that another person wrote.

The library's own reader takes minutes for a long number in base 60 (its time grows with the square of the
length), makes gigabytes of nested merge keys, and raises whatever it meets of a value that is not what its
tag says. `Loader` does as kubectl does instead; `UNREADABLE` is all that it raises.
"""

from typing import Any, Final

import yaml

MERGED_MAX: Final = 10_000
"""Of one mapping, with those that merge keys bring in."""

UNREADABLE: Final = (yaml.YAMLError, ValueError, KeyError, AttributeError, RecursionError, OverflowError)
"""Their texts quote what could not be read, which may be a secret."""


class Loader(yaml.SafeLoader):
    """As kubectl reads: what looks like a time, or like a number in base 60, is a text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - so the library declares it
        first: [one for one in resolvers if one[0] != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Bring in what merge keys name, up to the limit."""
        super().flatten_mapping(node)
        if len(node.value) > MERGED_MAX:
            raise yaml.YAMLError("merge keys bring in too much")


def _integer(loader: Loader, node: Any) -> Any:
    text = str(loader.construct_scalar(node))
    return text if ":" in text else loader.construct_yaml_int(node)


def _float(loader: Loader, node: Any) -> Any:
    text = str(loader.construct_scalar(node))
    return text if ":" in text else loader.construct_yaml_float(node)


Loader.add_constructor("tag:yaml.org,2002:int", _integer)
Loader.add_constructor("tag:yaml.org,2002:float", _float)
