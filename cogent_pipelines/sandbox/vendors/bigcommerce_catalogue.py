"""BigCommerce's JSON for what a store sells and where it lies: products, variants, levels, locations, the store itself.

Belongs here: one function per kind of record, each giving what the documents show of it.
Does not belong here: routes and limits (``bigcommerce``), writes (``bigcommerce_writes``).

INFERRED: that a plain product's stock is tracked by product; that levels have left the store's stock when they are
committed to orders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cogent_pipelines.sandbox.vendors.bigcommerce_shapes import Json, Store, iso, number

if TYPE_CHECKING:
    from cogent_pipelines.sandbox.world import model
    from cogent_pipelines.sandbox.world.world import World


class Catalogue:
    """Catalogue, levels and places of one store as it shows them."""

    def __init__(self, system: str, world: World, store: Store) -> None:
        self.system = system
        self.world = world
        self.shop = world.shops[system]
        self.store = store

    # --- catalogue and stock ----------------------------------------------------------------------------

    def siblings(self, product_id: int) -> list[model.Variant]:
        """The variants of a product."""
        return [v for v in self.shop.variants.values() if v.product_id == product_id]

    def tracking(self, variant: model.Variant) -> str:
        """none, product or variant."""
        if not variant.is_tracked:
            return "none"
        return "product" if len(self.siblings(variant.product_id)) == 1 else "variant"

    def product(self, variants: list[model.Variant]) -> Json:
        """A product, by its variants."""
        first = variants[0]
        stock = sum(
            level.available
            for (item, _), level in self.shop.levels.items()
            if self.shop.by_item[item] == first.id
        )
        return {
            "id": first.product_id,
            "name": first.title,
            "type": "physical",
            "sku": first.sku,
            "description": "",
            "weight": float(first.weight_grams or 0),
            "price": number(first.price),
            "inventory_level": stock,
            "inventory_tracking": self.tracking(first),
            "is_visible": any(v.status == "active" for v in variants),
            "availability": "available",
            "date_created": iso(min(v.created_at for v in variants)),
            "date_modified": iso(max(v.updated_at for v in variants)),
            **({"base_variant_id": first.id} if len(variants) == 1 else {}),
        }

    def variant(self, found: model.Variant) -> Json:
        """A variant; without a price of its own where it is its product's only one."""
        has_siblings = len(self.siblings(found.product_id)) > 1
        options = [{"id": found.id, "label": found.title, "option_id": 1, "option_display_name": "Kind"}]
        return {
            "id": found.id,
            "product_id": found.product_id,
            "sku": found.sku,
            "sku_id": found.id,
            "price": number(found.price),
            "calculated_price": number(found.price),
            "weight": float(found.weight_grams or 0),
            "upc": found.barcode,
            "purchasing_disabled": found.status != "active",
            "purchasing_disabled_message": "",
            "inventory_level": 0,
            "option_values": options if has_siblings else [],
        }

    def item(self, found: model.Variant, only: frozenset[int] | None = None) -> Json:
        """An item's levels at every location (or ``only`` at some) where it has one."""
        places = []
        for key, location in self.shop.locations.items():
            level = self.shop.levels.get((found.inventory_item_id, key))
            if level is None or not level.is_active or (only is not None and key not in only):
                continue
            safety = self.store.safety.get((found.inventory_item_id, key), 0)
            places.append(
                {
                    "location_id": key,
                    "location_code": f"LOC-{key}",
                    "location_name": location.name,
                    "available_to_sell": level.available - safety,
                    "total_inventory_onhand": level.available,
                    "location_enabled": location.is_active,
                    "settings": {
                        "safety_stock": safety,
                        "is_in_stock": level.available > safety,
                        "warning_level": 0,
                        "bin_picking_number": "",
                    },
                }
            )
        identity = {
            "sku": found.sku, "variant_id": found.id, "product_id": found.product_id, "sku_id": found.id,
        }  # fmt: skip
        return {"identity": identity, "locations": places}

    def location(self, found: model.Location) -> Json:
        """A location."""
        at = iso(min((v.created_at for v in self.shop.variants.values()), default=self.world.now))
        return {
            "id": found.id,
            "code": f"LOC-{found.id}",
            "label": found.name,
            "description": "",
            "managed_by_external_source": False,
            "type_id": "PHYSICAL",
            "enabled": found.is_active,
            "time_zone": "Etc/UTC",
            "created_at": at,
            "updated_at": at,
            "storefront_visibility": True,
            "special_hours": [],
        }

    def account(self) -> Json:
        """The store itself."""
        return {
            "id": self.system,
            "account_uuid": "00000000-0000-4000-8000-000000000000",
            "domain": f"{self.system}.sandbox.test",
            "status": "live",
            "name": f"{self.system} sandbox",
            "language": "en",
            "currency": self.shop.currency,
            "weight_units": "Grams",
            "dimension_units": "Centimeters",
            "plan_name": "Standard",
            "plan_level": "Standard",
            "plan_is_trial": False,
            "is_price_entered_with_tax": self.shop.taxes_included,
            "default_channel_id": 1,
        }
