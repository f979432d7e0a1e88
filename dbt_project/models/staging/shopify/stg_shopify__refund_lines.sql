with refunds as (
    select
        system,
        split_part(id, '/', -1) as order_id,
        taxesIncluded,
        unnest(refunds) as r
    from {{ source('shopify', 'orders') }}
),

lines as (
    select
        system,
        order_id,
        taxesIncluded,
        split_part(r.id, '/', -1) as refund_id,
        unnest(r.refundLineItems.nodes) as line
    from refunds
)

select
    o.system || ':' || o.refund_id as refund_key,
    o.system || ':' || o.order_id as order_key,
    o.system || ':' || split_part(o.line.lineItem.id, '/', -1) as order_line_key,
    case when trim(o.line.lineItem.sku) <> '' then o.line.lineItem.sku end as sku,
    o.line.quantity as qty,
    case o.line.restockType
        when 'NO_RESTOCK' then 'none'
        when 'CANCEL' then 'cancel'
        when 'RETURN' then 'return'
        when 'LEGACY_RESTOCK' then 'legacy'
        else 'unknown'
    end as restock_code,
    split_part(o.line.location.id, '/', -1) as location_id,
    (
        o.line.subtotalSet.shopMoney.amount
        + case when o.taxesIncluded then 0 else coalesce(o.line.totalTaxSet.shopMoney.amount, 0) end
    )::decimal(18, 4) as amount
from lines as o
