"""What moto lacks of AWS, one file per gap.

Each module says what AWS does and what the pinned moto does instead, and has one public function, `fill()`,
that patches moto. A gap that moto closes by itself is dropped by deleting its file: a test notices.
"""

from importlib import import_module
from pkgutil import walk_packages

from moto.core.config import default_user_config


def fill_all() -> None:
    """Fill every gap in this package, and have moto run state machines. Filling twice changes nothing."""
    # A plain call to moto's server has no way to say this; its configuration endpoint asks for a request.
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    for module in walk_packages(__path__, f"{__name__}."):
        if not module.ispkg:
            import_module(module.name).fill()
