"""The scripts of hack/ as modules: hack/ is no package, so no test imports one by accident."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

HACK = Path(__file__).resolve().parents[1] / "hack"


def load_script(name: str) -> ModuleType:
    """hack/NAME.py, imported but not run."""
    spec = spec_from_file_location(f"hack_{name.replace('/', '_')}", HACK / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    # Dataclasses look their module up there.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
