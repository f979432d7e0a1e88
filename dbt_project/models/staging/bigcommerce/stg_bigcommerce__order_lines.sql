-- A line keeps its units when some are refunded; an edit changes them. What is collected, downloaded or mailed is not
-- shipped. The rate is the tax lines' own where they name the order's line, else it follows from the prices.
with lines as (
    select
        *,
        unnest(list_concat(
            flatten(list_transform(coalesce(consignments.shipping, []), lambda c: list_transform(c.line_items, lambda l: {'way': 'shipping', 'of': l}))),
            flatten(list_transform(coalesce(consignments.pickups, []), lambda c: list_transform(c.line_items, lambda l: {'way': 'pickup', 'of': l}))),
            flatten(list_transform(coalesce(consignments.downloads, []), lambda c: list_transform(c.line_items, lambda l: {'way': 'download', 'of': l}))),
            flatten(list_transform(
                coalesce(consignments.email.gift_certificates, []), lambda c: list_transform(c.line_items, lambda l: {'way': 'email', 'of': l})
            ))
        )) as line
    from {{ source('bigcommerce', 'orders') }}
    where status_id <> 0
)

select
    o.system || ':' || o.line.of.id as order_line_key,
    o.system || ':' || o.id as order_key,
    o.system,
    o.line.of.id::varchar as line_id,
    case when trim(o.line.of.sku) <> '' then o.line.of.sku end as sku,
    nullif(trim(o.line.of.name), '') as title,
    o.line.of.quantity as ordered_qty,
    greatest(0, o.line.of.quantity - coalesce(o.line.of.quantity_refunded, 0))::bigint as current_qty,
    case when coalesce(o.is_tax_inclusive_pricing, false) then o.line.of.price_inc_tax else o.line.of.price_ex_tax end::decimal(18, 4)
        as unit_price_amount,
    coalesce(list_sum(list_transform(o.line.of.applied_discounts, lambda a: a.amount)), 0)::decimal(18, 4) as discount_amount,
    coalesce(o.line.of.total_tax, 0)::decimal(18, 4) as tax_amount,
    coalesce(
        list_sum(list_transform(
            list_filter(o.taxes, lambda t: t.line_item_type = 'item' and (t.order_product_id ->> '$') = o.line.of.id::varchar),
            lambda t: t.rate
        )) / 100,
        round((o.line.of.price_inc_tax - o.line.of.price_ex_tax)::double / nullif(o.line.of.price_ex_tax, 0)::double, 4),
        0
    )::double as tax_rate,
    nullif(array_to_string(list_transform(
        list_filter(o.taxes, lambda t: t.line_item_type = 'item' and (t.order_product_id ->> '$') = o.line.of.id::varchar),
        lambda t: t.name
    ), ' + '), '') as tax_code,
    coalesce(nullif(o.default_currency_code, ''), o.currency_code) as currency,
    o.line.way = 'shipping' and coalesce(o.line.of.type, 'physical') = 'physical' as requires_shipping,
    nullif(o.line.of.variant_id, 0)::varchar as item_id,
    o._read_at as read_at
from lines as o
