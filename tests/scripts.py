"""The programs of hack/ as modules: they have no suffix, so that they are not imported by accident."""

import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

HACK = Path(__file__).resolve().parents[1] / "hack"


def load_script(name: str) -> ModuleType:
    """hack/NAME, imported but not run."""
    loader = SourceFileLoader(f"hack_{name}", str(HACK / name))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    # Dataclasses look their module up there.
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module
