"""Every vendor there is a connector for, by slug.

Belongs here: one line per vendor.
Does not belong here: facts of a vendor, or which system of the estate uses it (``accounts``).
"""

from __future__ import annotations

from collections.abc import Mapping

from cogent_pipelines.connect.spec import Vendor
from cogent_pipelines.vendors import bigcommerce, deposco, fulfil, seko, shopify, veeqo

VENDORS: Mapping[str, Vendor] = {
    "bigcommerce": bigcommerce.VENDOR,
    "deposco": deposco.VENDOR,
    "fulfil": fulfil.VENDOR,
    "seko": seko.VENDOR,
    "shopify": shopify.VENDOR,
    "veeqo": veeqo.VENDOR,
}
