"""The device that a training runs on."""

import torch

from graph.errors import InputError


def find_device(name: str) -> torch.device:
    """Return the device of an option; raise InputError for a missing GPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"option device is {name!r}, but torch sees no GPU here; use auto or cpu")
    return torch.device(name)
