with lines as (
    select
        system,
        GUID,
        unnest(Lines) as line
    from {{ source('seko', 'orders') }}
    where Status is distinct from 'Cancelled'
)

select
    system || ':' || GUID as allocation_key,
    system || ':' || GUID as warehouse_order_key,
    line.SKU as sku,
    line.ProductCode as item_id,
    sum(line.Quantity)::bigint as qty
from lines
group by all
