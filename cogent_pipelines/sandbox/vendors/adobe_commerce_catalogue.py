"""Adobe Commerce's JSON for what is sold and where it lies: products, sources, stock; the columns they are searched by.

Belongs here: one function per kind of record, each giving what the documents show of it.
Does not belong here: HTTP and searches, changes (``adobe_commerce_writes``).

What the export of salable quantities shows and counts is from the vendor's own code.
"""

from __future__ import annotations

from cogent_pipelines.sandbox.vendors.adobe_commerce_search import Table
from cogent_pipelines.sandbox.vendors.adobe_commerce_shapes import (
    STOCK,
    STORE,
    WEBSITE,
    Json,
    Store,
    is_configurable,
    number,
    stamp,
)
from cogent_pipelines.sandbox.world import model


class Catalogue:
    """What one shop sells, and where it lies."""

    def __init__(self, shop: model.Shop, store: Store) -> None:
        self.shop = shop
        self.store = store

    def _products(self) -> list[tuple[model.Variant, bool]]:
        """(item, whether it is the configurable above it)."""
        variants = self.shop.variants.values()
        return [(v, False) for v in variants] + [(v, True) for v in variants if is_configurable(v)]

    def product(self, row: tuple[model.Variant, bool]) -> Json:
        """A simple product, or the configurable whose only choice it is."""
        variant, is_parent = row
        attributes = {
            "country_of_manufacture": variant.origin_country,
            "barcode": variant.barcode,
            "hs_code": variant.hs_code,
        }
        return {
            "id": variant.product_id if is_parent else variant.id,
            "sku": f"{variant.sku}-ANY" if is_parent else variant.sku,
            "name": variant.title,
            "attribute_set_id": 4,
            "price": 0 if is_parent else number(variant.price),
            "status": 1 if variant.status == "active" else 2,
            "visibility": 4,
            "type_id": "configurable" if is_parent else "simple",
            "created_at": stamp(variant.created_at),
            "updated_at": stamp(variant.updated_at),
            **({} if is_parent or variant.weight_grams is None else {"weight": variant.weight_grams / 1000}),
            "extension_attributes": {"website_ids": [1]},
            "product_links": [],
            "options": [],
            "media_gallery_entries": [],
            "tier_prices": [],
            "custom_attributes": [
                {"attribute_code": code, "value": value} for code, value in attributes.items() if value
            ],
        }

    def store_configs(self) -> list[Json]:
        """The one store view's settings."""
        return [
            {
                "id": STORE,
                "code": "default",
                "website_id": 1,
                "locale": "en_GB",
                "base_currency_code": self.shop.currency,
                "default_display_currency_code": self.shop.currency,
                "timezone": "Europe/London",
                "weight_unit": "kgs",
                "base_url": "https://shop.example.test/",
                "base_link_url": "https://shop.example.test/",
                "base_static_url": "https://shop.example.test/static/",
                "base_media_url": "https://shop.example.test/media/",
                "secure_base_url": "https://shop.example.test/",
                "secure_base_link_url": "https://shop.example.test/",
                "secure_base_static_url": "https://shop.example.test/static/",
                "secure_base_media_url": "https://shop.example.test/media/",
            }
        ]

    # --- stock ----------------------------------------------------------------------------------------

    def source(self, location: model.Location) -> Json:
        """A source."""
        return {
            "source_code": str(location.id),
            "name": location.name,
            "enabled": location.is_active,
            "country_id": "GB",
            "postcode": "LS1 1AA",
            "use_default_carrier_config": True,
            "carrier_links": [],
        }

    def _levels(self) -> list[tuple[model.Variant, model.Level]]:
        shop = self.shop
        return [
            (shop.variants[shop.by_item[level.inventory_item_id]], level)
            for level in shop.levels.values()
            if level.is_active and level.inventory_item_id in shop.by_item
        ]

    def status(self, variant: model.Variant, level: model.Level) -> int:
        """1 in stock, 0 out of it: by what lies there, unless somebody set it."""
        shown = 1 if level.on_hand > 0 else 0
        return min(shown, self.store.hidden.get((variant.sku, str(level.location_id)), 1))

    def source_item(self, row: tuple[model.Variant, model.Level]) -> Json:
        """What lies in a source: sold units too, until they are shipped."""
        variant, level = row
        return {
            "sku": variant.sku,
            "source_code": str(level.location_id),
            "quantity": level.on_hand,
            "status": self.status(variant, level),
        }

    def _of(self, variant: model.Variant) -> list[model.Level]:
        """An item's levels in the sources that have it."""
        found = (self.shop.levels.get((variant.inventory_item_id, place)) for place in self.shop.locations)
        return [level for level in found if level is not None and level.is_active]

    def salable(self, variant: model.Variant) -> int:
        """What can be sold: everything in stock in the stock's sources less all that is reserved."""
        levels = self._of(variant)
        lies = sum(
            level.on_hand
            for level in levels
            if self.status(variant, level) and self.shop.locations[level.location_id].is_active
        )
        return lies - sum(level.committed for level in levels)

    def salable_row(self, row: tuple[model.Variant, bool]) -> Json | None:
        """A row of the export; nothing of a product that no source has, though it is counted."""
        variant, is_parent = row
        if is_parent:
            return {"sku": f"{variant.sku}-ANY", "qty": 0, "is_salable": self.salable(variant) > 0}
        if not self._of(variant):
            return None
        quantity = self.salable(variant)
        return {"sku": variant.sku, "qty": quantity, "is_salable": quantity > 0}

    # --- what can be searched -------------------------------------------------------------------------

    def tables(self) -> dict[str, Table]:
        """These lists by the name in their address."""
        places = [str(location) for location in self.shop.locations]
        return {
            "products": Table(
                self._products,
                {
                    "entity_id": lambda row: row[0].product_id if row[1] else row[0].id,
                    "sku": lambda row: f"{row[0].sku}-ANY" if row[1] else row[0].sku,
                    "updated_at": lambda row: row[0].updated_at,
                    "created_at": lambda row: row[0].created_at,
                    "type_id": lambda row: "configurable" if row[1] else "simple",
                },
                self.product,
            ),
            "inventory/sources": Table(
                lambda: list(self.shop.locations.values()),
                {
                    "source_code": lambda x: str(x.id),
                    "enabled": lambda x: x.is_active,
                    "name": lambda x: x.name,
                },
                self.source,
            ),
            "inventory/stocks": Table(
                lambda: [STOCK],
                {"stock_id": lambda stock: stock, "name": lambda _: "Default Stock"},
                lambda stock: {
                    "stock_id": stock,
                    "name": "Default Stock",
                    "extension_attributes": {"sales_channels": [{"type": "website", "code": WEBSITE}]},
                },
            ),
            "inventory/stock-source-links": Table(
                lambda: list(enumerate(places, 1)),
                {"stock_id": lambda _: STOCK, "source_code": lambda x: x[1], "priority": lambda x: x[0]},
                lambda link: {"stock_id": STOCK, "source_code": link[1], "priority": link[0]},
            ),
            "inventory/source-items": Table(
                self._levels,
                {
                    "sku": lambda row: row[0].sku,
                    "source_code": lambda row: str(row[1].location_id),
                    "quantity": lambda row: row[1].on_hand,
                    "status": lambda row: self.status(*row),
                },
                self.source_item,
            ),
            f"inventory/export-stock-salable-qty/website/{WEBSITE}": Table(
                self._products,
                {"sku": lambda row: f"{row[0].sku}-ANY" if row[1] else row[0].sku},
                self.salable_row,
            ),
        }
