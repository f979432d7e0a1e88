-- The vendor does not keep whether goods were put back into stock. Of a line nothing was sent of, nothing can come back:
-- its units are cancelled; of any other they are due back. A bundle whose parts travel apart was sent when any part was.
with memos as (
    select
        system,
        entity_id,
        order_id,
        unnest(items) as item
    from {{ source('adobe_commerce', 'creditmemos') }}
    where _gone_at is null and coalesce(state, 2) not in (1, 3)
),

ordered as (
    select
        system,
        unnest(items) as item
    from {{ source('adobe_commerce', 'orders') }}
),

lines as (
    select
        system,
        item.item_id as item_id,
        item.parent_item_id as parent_item_id,
        max(coalesce(item.qty_shipped, 0)) over (partition by system, coalesce(item.parent_item_id, item.item_id))
            as qty_shipped
    from ordered
)

select
    m.system || ':' || m.entity_id as refund_key,
    m.system || ':' || m.order_id as order_key,
    m.system || ':' || m.item.order_item_id as order_line_key,
    nullif(trim(m.item.sku), '') as sku,
    m.item.qty::bigint as qty,
    case when coalesce(l.qty_shipped, 0) = 0 then 'cancel' else 'return' end as restock_code,
    null::varchar as location_id,
    (
        coalesce(m.item.base_row_total, 0)
        + coalesce(m.item.base_tax_amount, 0)
        - abs(coalesce(m.item.base_discount_amount, 0))
        + coalesce(m.item.base_discount_tax_compensation_amount, 0)
    )::decimal(18, 4) as amount
from memos as m
left join lines as l on l.system = m.system and l.item_id = m.item.order_item_id
where m.item.qty > 0 and l.parent_item_id is null
