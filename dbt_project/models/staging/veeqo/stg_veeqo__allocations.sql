with allocations as (
    select
        system,
        id as order_id,
        unnest(allocations) as a
    from {{ source('veeqo', 'orders') }}
)

select
    system || ':' || a.id as allocation_key,
    system || ':' || order_id as warehouse_order_key,
    system,
    a.warehouse.id::varchar as facility_id,
    a.created_at,
    a.shipment.id is not null as is_shipped
from allocations
