-- A refund puts nothing back on the shelf. Without an amount of its own a line is refunded at its price, tax included.
with orders as (
    select
        system,
        id,
        coalesce(nullif(default_currency_code, ''), currency_code) as currency,
        list_concat(
            flatten(list_transform(coalesce(consignments.shipping, []), lambda c: c.line_items)),
            flatten(list_transform(coalesce(consignments.pickups, []), lambda c: c.line_items)),
            flatten(list_transform(coalesce(consignments.downloads, []), lambda c: c.line_items))
        ) as lines
    from {{ source('bigcommerce', 'orders') }}
),

items as (
    select
        system,
        id as refund_id,
        order_id,
        unnest(list_filter(items, lambda i: i.item_type = 'PRODUCT')) as item
    from {{ source('bigcommerce', 'refunds') }}
    where _gone_at is null
),

named as (
    select
        i.*,
        list_filter(o.lines, lambda l: l.id = i.item.item_id)[1] as line
    from items as i
    left join orders as o on o.system = i.system and o.id = i.order_id
)

select
    o.system || ':' || o.refund_id as refund_key,
    o.system || ':' || o.order_id as order_key,
    o.system || ':' || o.item.item_id as order_line_key,
    nullif(trim(o.line.sku), '') as sku,
    o.item.quantity as qty,
    'none' as restock_code,
    null::varchar as location_id,
    coalesce(o.item.requested_amount, o.item.quantity * o.line.price_inc_tax)::decimal(18, 4) as amount
from named as o
