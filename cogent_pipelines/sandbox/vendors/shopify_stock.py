"""The fields of products, variants, inventory items, levels and locations, as Shopify shows them.

Belongs here: one resolver per field of what is sold and stocked, and how those are searched.
Does not belong here: changing a level (``shopify_stock_writes``).
"""

# ruff: noqa: N803  arguments are named as the vendor names them

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cogent_pipelines.sandbox.vendors import shopify_search as search
from cogent_pipelines.sandbox.vendors.shopify_graphql import refusal
from cogent_pipelines.sandbox.vendors.shopify_orders import (
    Fields,
    Resolvers,
    always,
    connection,
    empty,
    nothing,
)
from cogent_pipelines.sandbox.vendors.shopify_state import (
    Context,
    Grams,
    Item,
    Product,
    Quantity,
    Tally,
    gid,
    level_gid,
    number_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cogent_pipelines.sandbox.world import model

QUANTITIES = (
    "available", "incoming", "committed", "damaged", "on_hand", "quality_control", "reserved", "safety_stock",
)  # fmt: skip


# --- levels -------------------------------------------------------------------------------------------


def quantity_of(level: model.Level, name: str) -> int:
    """One of a level's figures; the sandbox's shop keeps two, and their sum on hand."""
    if name == "available":
        return level.available
    if name == "committed":
        return level.committed
    return level.available + level.committed if name == "on_hand" else 0


def _quantities(level: model.Level, _context: Context, names: Sequence[str]) -> list[Quantity]:
    for name in names:
        if name not in QUANTITIES:
            listed = ", ".join(sorted(QUANTITIES))
            # the words have no recording; they follow the mutation's message for the same mistake (INFERRED)
            raise refusal(
                f"The specified quantity name is invalid. Valid values are: {listed}.",
                "INVALID_FIELD_ARGUMENTS",
            )
    return [Quantity(level, name, quantity_of(level, name)) for name in names]


def _levels(item: Item, context: Context, *, inactive: bool) -> list[model.Level]:
    number, levels = item.variant.inventory_item_id, context.shop.levels
    found = (levels.get((number, location)) for location in context.shop.locations)
    return [level for level in found if level is not None and (inactive or level.is_active)]


def _item_levels(
    item: Item,
    context: Context,
    *,
    includeInactive: bool = False,
    query: str | None = None,
    **arguments: Any,
) -> search.Page:
    rows = _levels(item, context, inactive=includeInactive)
    if query:
        test = search.read(query, LEVEL_FIELDS, context.now).test
        rows = [level for level in rows if test(describe_level(level))]
    if context.is_bulk:
        return search.Page([("", row) for row in rows], has_next=False, has_previous=False)
    return search.page_of(rows, lambda level: level.location_id, **arguments)


def _location_levels(
    location: model.Location,
    context: Context,
    *,
    includeInactive: bool = False,
    query: str | None = None,
    **arguments: Any,
) -> search.Page:
    read = search.read(query or "", LEVEL_FIELDS, context.now)
    context.note_unknown("inventoryLevels", query, read)
    number = location.id

    def here(doc: search.Doc) -> bool:
        return bool(doc["location_id"] == number and (includeInactive or doc["is_active"]))

    index = context.store.index("levels")
    return index.search(read, "id", only=here, is_whole=context.is_bulk, **search.places(arguments))


def _level_at(item: int, location: int, context: Context, *, inactive: bool) -> model.Level | None:
    level = context.shop.levels.get((item, location))
    return level if level is not None and (inactive or level.is_active) else None


def _created(level: model.Level, context: Context) -> datetime:
    variant = context.store.variant_of_item(level.inventory_item_id)
    return variant.created_at if variant else level.updated_at


def _item_of(level: model.Level, context: Context) -> Item | None:
    variant = context.store.variant_of_item(level.inventory_item_id)
    return None if variant is None else Item(variant)


LEVEL: Fields = {
    "canDeactivate": lambda level, _: level.committed == 0,
    "createdAt": _created,
    "id": lambda level, _: level_gid(level),
    "isActive": lambda level, _: level.is_active,
    "item": _item_of,
    "location": lambda level, c: c.shop.locations.get(level.location_id),
    "quantities": _quantities,
    "updatedAt": lambda level, _: level.updated_at,
}

QUANTITY: Fields = {
    "id": lambda q, _: f"{level_gid(q.level).replace('InventoryLevel', 'InventoryQuantity')}&name={q.name}",
    "name": lambda q, _: q.name,
    "quantity": lambda q, _: q.number,
    "updatedAt": lambda q, _: q.level.updated_at,
}

LEVEL_FIELDS = {"id": "number", "updated_at": "time", "created_at": "time", "inventory_item_id": "number"}


def describe_level(level: model.Level) -> dict[str, Any]:
    """What a search can find a level by."""
    return {
        "id": level.inventory_item_id,
        "updated_at": level.updated_at,
        "inventory_item_id": level.inventory_item_id,
        "location_id": level.location_id,
        "is_active": level.is_active,
    }


# --- items --------------------------------------------------------------------------------------------


def _item_at(
    item: Item, context: Context, locationId: str, includeInactive: bool = False
) -> model.Level | None:
    location = number_of("Location", locationId)
    return _level_at(item.variant.inventory_item_id, location, context, inactive=includeInactive)


def _same_sku(item: Item, context: Context) -> int:
    sku = item.variant.sku
    return sum(1 for variant in context.shop.variants.values() if variant.sku == sku) - 1 if sku else 0


ITEM: Fields = {
    "countryCodeOfOrigin": lambda i, _: i.variant.origin_country or None,
    "createdAt": lambda i, _: i.variant.created_at,
    "duplicateSkuCount": _same_sku,
    "harmonizedSystemCode": lambda i, _: i.variant.hs_code or None,
    "id": lambda i, _: gid("InventoryItem", i.variant.inventory_item_id),
    "inventoryLevel": _item_at,
    "inventoryLevels": _item_levels,
    "legacyResourceId": lambda i, _: i.variant.inventory_item_id,
    "locationsCount": lambda i, c: Tally(len(_levels(i, c, inactive=False))),
    "measurement": lambda i, _: i,
    "provinceCodeOfOrigin": nothing,
    "requiresShipping": always(True),
    "sku": lambda i, _: i.variant.sku or None,
    "tracked": lambda i, _: i.variant.is_tracked,
    "unitCost": nothing,
    # the item's own date: a level that moves does not move it (INFERRED)
    "updatedAt": lambda i, _: i.variant.updated_at,
    "variants": connection(lambda i, _: [i.variant], lambda v: v.id),
}

MEASUREMENT: Fields = {
    "id": lambda i, _: gid("InventoryItemMeasurement", i.variant.inventory_item_id),
    "weight": lambda i, _: None if i.variant.weight_grams is None else Grams(i.variant.weight_grams),
}


# --- variants and products ----------------------------------------------------------------------------


def _stock(variant: model.Variant, context: Context) -> int:
    return sum(level.available for level in _levels(Item(variant), context, inactive=False))


def product_of(variant: model.Variant, context: Context) -> Product:
    """The product a variant belongs to."""
    return context.store.products()[variant.product_id]


def _display_name(variant: model.Variant, context: Context) -> str:
    title = product_of(variant, context).variants[0].title
    return title if variant.title == title else f"{title} - {variant.title}"


VARIANT: Fields = {
    "availableForSale": lambda v, c: v.status == "active" and (not v.is_tracked or _stock(v, c) > 0),
    "barcode": lambda v, _: v.barcode or None,
    "compareAtPrice": nothing,
    "createdAt": lambda v, _: v.created_at,
    "displayName": _display_name,
    "id": lambda v, _: gid("ProductVariant", v.id),
    "inventoryItem": lambda v, _: Item(v),
    "inventoryPolicy": always("DENY"),
    "inventoryQuantity": lambda v, c: _stock(v, c) if v.is_tracked else None,
    "legacyResourceId": lambda v, _: v.id,
    "position": lambda v, c: 1 + product_of(v, c).variants.index(v),
    "price": lambda v, _: v.price,
    "product": product_of,
    "requiresComponents": always(False),  # what is sold together is a plain item to this shop
    "selectedOptions": lambda v, _: [("Title", v.title)],
    "sku": lambda v, _: v.sku or None,
    "taxable": always(True),
    "title": lambda v, _: v.title,
    "updatedAt": lambda v, _: v.updated_at,
}


def _changed(p: Product) -> datetime:
    return max(variant.updated_at for variant in p.variants)


def _status(p: Product) -> str:
    states = {variant.status for variant in p.variants}
    return next((state for state in ("active", "draft", "archived") if state in states), "archived")


def _handle(p: Product, _context: Context) -> str:
    text = "".join(c if c.isalnum() else "-" for c in p.variants[0].title.casefold())
    return "-".join(part for part in text.split("-") if part) or str(p.id)


PRODUCT: Fields = {
    "createdAt": lambda p, _: min(variant.created_at for variant in p.variants),
    "description": lambda _p, _c, **_a: "",
    "handle": _handle,
    "hasOnlyDefaultVariant": lambda p, _: len(p.variants) == 1,
    "id": lambda p, _: gid("Product", p.id),
    "isGiftCard": always(False),
    "legacyResourceId": lambda p, _: p.id,
    "productType": always(""),
    "publishedAt": lambda p, _: p.variants[0].created_at if _status(p) == "active" else None,
    "status": lambda p, _: _status(p).upper(),
    "tags": empty,
    "title": lambda p, _: p.variants[0].title,
    "totalInventory": lambda p, c: sum(_stock(variant, c) for variant in p.variants if variant.is_tracked),
    "tracksInventory": lambda p, _: any(variant.is_tracked for variant in p.variants),
    "updatedAt": lambda p, _: _changed(p),
    "variants": connection(lambda p, _: p.variants, lambda v: v.id),
    "variantsCount": lambda p, _: Tally(len(p.variants)),
    "vendor": always("Cogent"),
}

VARIANT_FIELDS = {
    "id": "number", "updated_at": "time", "created_at": "time", "sku": "text", "barcode": "text",
    "title": "text",
    "product_id": "number", "product_status": "text",
}  # fmt: skip
ITEM_FIELDS = {"id": "number", "updated_at": "time", "created_at": "time", "sku": "text"}
PRODUCT_FIELDS = {
    "id": "number", "updated_at": "time", "created_at": "time", "sku": "text", "barcode": "text",
    "title": "text",
    "status": "text", "handle": "text",
}  # fmt: skip
VARIANT_SORT = {"SKU": "sku", "TITLE": "title", "NAME": "title", "FULL_TITLE": "title"}
PRODUCT_SORT = {"UPDATED_AT": "updated_at", "CREATED_AT": "created_at", "TITLE": "title"}


def describe_variant(v: model.Variant) -> dict[str, Any]:
    """What a search can find a variant, or its inventory item, by."""
    return {
        "id": v.id,
        "item": v.inventory_item_id,
        "updated_at": v.updated_at,
        "created_at": v.created_at,
        "sku": v.sku,
        "barcode": v.barcode,
        "title": v.title,
        "product_id": v.product_id,
        "product_status": v.status,
        "default": f"{v.title} {v.sku} {v.barcode}",
    }


def describe_product(p: Product) -> dict[str, Any]:
    """What a search can find a product by."""
    return {
        "id": p.id,
        "updated_at": _changed(p),
        "created_at": min(variant.created_at for variant in p.variants),
        "sku": [variant.sku for variant in p.variants],
        "barcode": [variant.barcode for variant in p.variants],
        "title": p.variants[0].title,
        "status": _status(p),
        "default": " ".join(f"{variant.title} {variant.sku}" for variant in p.variants),
    }


def _find(index: str, fields: dict[str, str], sorts: dict[str, str], default: str, name: str) -> Any:
    def find(
        _root: Any,
        context: Context,
        *,
        query: str | None = None,
        sortKey: str | None = None,
        **arguments: Any,
    ) -> search.Page:
        read = search.read(query or "", fields, context.now)
        context.note_unknown(name, query, read)
        found = context.store.index(index).search(
            read, sorts.get(sortKey or "", default), is_whole=context.is_bulk, **search.places(arguments)
        )
        if name == "inventoryItems":
            return found._replace(edges=[(cursor, Item(variant)) for cursor, variant in found.edges])
        return found

    return find


FIND = {
    "products": _find("products", PRODUCT_FIELDS, PRODUCT_SORT, "id", "products"),
    "productVariants": _find("variants", VARIANT_FIELDS, VARIANT_SORT, "id", "productVariants"),
    "inventoryItems": _find("items", ITEM_FIELDS, {}, "id", "inventoryItems"),
}


# --- locations ----------------------------------------------------------------------------------------


def _at_location(
    location: model.Location, context: Context, inventoryItemId: str, includeInactive: bool = False
) -> model.Level | None:
    item = number_of("InventoryItem", inventoryItemId)
    return _level_at(item, location.id, context, inactive=includeInactive)


def _opened(_location: model.Location, context: Context) -> datetime:
    return min((variant.created_at for variant in context.shop.variants.values()), default=context.now)


LOCATION: Fields = {
    "activatable": lambda x, _: not x.is_active,
    "address": lambda x, _: x,
    "createdAt": _opened,
    "deactivatable": lambda x, _: x.is_active,
    "deactivatedAt": nothing,
    "fulfillsOnlineOrders": lambda x, _: x.is_active,
    "hasActiveInventory": lambda x, c: any(
        level.location_id == x.id and level.is_active for level in c.shop.levels.values()
    ),
    "id": lambda x, _: gid("Location", x.id),
    "inventoryLevel": _at_location,
    "inventoryLevels": _location_levels,
    "isActive": lambda x, _: x.is_active,
    "isFulfillmentService": always(False),
    "legacyResourceId": lambda x, _: x.id,
    "name": lambda x, _: x.name,
    "shipsInventory": lambda x, _: x.is_active,
    "updatedAt": _opened,
}


def find_locations(
    _root: Any,
    context: Context,
    *,
    includeInactive: bool = False,
    includeLegacy: bool = False,  # noqa: ARG001
    sortKey: str | None = "NAME",
    query: str | None = None,
    **arguments: Any,
) -> search.Page:
    """``locations``: a short list, always as it stands."""
    rows = [x for x in context.shop.locations.values() if includeInactive or x.is_active]
    if query:
        read = search.read(query, {"id": "number", "name": "text", "is_active": "flag"}, context.now)
        context.note_unknown("locations", query, read)
        rows = [x for x in rows if read.test({"id": x.id, "name": x.name, "is_active": x.is_active})]
    rows.sort(key=lambda x: (x.id,) if sortKey == "ID" else (x.name, x.id))
    if context.is_bulk:
        return search.Page([("", row) for row in rows], has_next=False, has_previous=False)
    return search.page_of(rows, lambda x: x.id, **arguments)


RESOLVERS: Resolvers = {
    "InventoryLevel": LEVEL,
    "InventoryQuantity": QUANTITY,
    "InventoryItem": ITEM,
    "InventoryItemMeasurement": MEASUREMENT,
    "Weight": {"unit": always("GRAMS"), "value": lambda g, _: float(g.value)},
    "ProductVariant": VARIANT,
    "SelectedOption": {"name": lambda o, _: o[0], "value": lambda o, _: o[1]},
    "Product": PRODUCT,
    "Location": LOCATION,
    "LocationAddress": {
        "address1": nothing,
        "address2": nothing,
        "city": lambda x, _: x.name,
        "country": always("United Kingdom"),
        "countryCode": always("GB"),
        "formatted": lambda x, _: [x.name, "United Kingdom"],
        "phone": nothing,
        "province": nothing,
        "provinceCode": nothing,
        "zip": nothing,
    },
}
