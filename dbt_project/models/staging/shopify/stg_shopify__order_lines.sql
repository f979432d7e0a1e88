-- quantity counts units that were removed or refunded since; currentQuantity does not. Gift cards never ship.
-- Lists are unnested in the select list throughout: as a join it takes 80 times as long.
with lines as (
    select
        system,
        split_part(id, '/', -1) as order_id,
        currencyCode,
        _read_at,
        unnest(lineItems.nodes) as line
    from {{ source('shopify', 'orders') }}
)

select
    o.system || ':' || split_part(o.line.id, '/', -1) as order_line_key,
    o.system || ':' || o.order_id as order_key,
    o.system,
    split_part(o.line.id, '/', -1) as line_id,
    case when trim(o.line.sku) <> '' then o.line.sku end as sku,
    nullif(trim(o.line.name), '') as title,
    o.line.quantity as ordered_qty,
    o.line.currentQuantity as current_qty,
    o.line.originalUnitPriceSet.shopMoney.amount::decimal(18, 4) as unit_price_amount,
    coalesce(
        list_sum(list_transform(o.line.discountAllocations, lambda a: a.allocatedAmountSet.shopMoney.amount)), 0
    )::decimal(18, 4) as discount_amount,
    coalesce(list_sum(list_transform(o.line.taxLines, lambda t: t.priceSet.shopMoney.amount)), 0)::decimal(18, 4)
        as tax_amount,
    coalesce(list_sum(list_transform(o.line.taxLines, lambda t: t.rate)), 0)::double as tax_rate,
    nullif(array_to_string(list_transform(o.line.taxLines, lambda t: t.title), ' + '), '') as tax_code,
    o.currencyCode as currency,
    coalesce(o.line.requiresShipping, true) and not coalesce(o.line.isGiftCard, false) as requires_shipping,
    split_part(o.line.variant.id, '/', -1) as item_id,
    o._read_at as read_at
from lines as o
