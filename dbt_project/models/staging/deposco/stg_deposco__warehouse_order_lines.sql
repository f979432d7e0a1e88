-- Quantities are packs; a pack's size is part of its key. What is allocated is counted in units, and an allocation that
-- was picked or shipped stays one. While an order lives, what was cancelled of a line is wanted no more; of one that has
-- ended it is what the warehouse will not send, and the channel must hear of it.
with lines as (
    select
        system,
        _read_at as read_at,
        self.id as order_id,
        coalesce("orderStatus", status) in ('Ship Complete', 'Canceled') as has_ended,
        unnest("orderLines".data) as line
    from {{ source('deposco', 'orders') }}
),

units as (
    select
        *,
        coalesce(line.pack."businessKey".quantity, 1) as pack_units
    from lines
)

select
    system || ':' || order_id || ':' || coalesce(line.self.id::varchar, line."lineNumber") as warehouse_order_line_key,
    system || ':' || order_id as warehouse_order_key,
    case when trim(line.item."businessKey".number) <> '' then line.item."businessKey".number end as sku,
    case when trim(line.item."businessKey".number) <> '' then line.item."businessKey".number end as item_id,
    round((
        coalesce(line."orderPackQuantity", 0)
        - case when coalesce(has_ended, false) then 0 else coalesce(line."canceledPackQuantity", 0) end
    ) * pack_units)::bigint as qty,
    round(coalesce(line."pickedPackQuantity", 0) * pack_units)::bigint as picked_qty,
    round(greatest(
        coalesce(line."allocatedQuantity", 0), coalesce(line."pickedPackQuantity", 0) * pack_units,
        coalesce(line."shippedPackQuantity", 0) * pack_units
    ))::bigint as allocated_qty,
    round(coalesce(line."shippedPackQuantity", 0) * pack_units)::bigint as shipped_qty,
    line."unitPrice"::decimal(18, 4) as unit_price_amount,
    nullif(trim(line."customerLineNumber"), '') as channel_line_ref,
    read_at
from units
