-- One row per order and item.
with lines as (
    select
        system,
        self.id as order_id,
        unnest("orderLines".data) as line
    from {{ source('deposco', 'orders') }}
    where coalesce("orderStatus", status) is distinct from 'Canceled'
),

units as (
    select
        system,
        order_id,
        case when trim(line.item."businessKey".number) <> '' then line.item."businessKey".number end as sku,
        greatest(
            coalesce(line."allocatedQuantity", 0),
            greatest(coalesce(line."pickedPackQuantity", 0), coalesce(line."shippedPackQuantity", 0))
            * coalesce(line.pack."businessKey".quantity, 1)
        ) as allocated
    from lines
)

select
    system || ':' || order_id as allocation_key,
    system || ':' || order_id as warehouse_order_key,
    sku,
    sku as item_id,
    round(sum(allocated))::bigint as qty
from units
where allocated > 0
group by system, order_id, sku
