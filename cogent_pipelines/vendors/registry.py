"""Every vendor there is a connector for, by slug: each that has raw tables beside its file.

Belongs here: finding them.
Does not belong here: facts of a vendor, or which system of the estate uses it (``accounts``).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.resources import files

from cogent_pipelines.connect.spec import Vendor


def _found() -> Mapping[str, Vendor]:
    tables = (file.name for file in files(__package__).iterdir() if file.name.endswith(".sql"))
    slugs = sorted(name.removesuffix(".sql") for name in tables)
    return {slug: import_module(f"{__package__}.{slug}").VENDOR for slug in slugs}


VENDORS: Mapping[str, Vendor] = _found()
