-- There is no list of allocations: what an order's lines have allocated is one, at the facility it ships from. When it was
-- made is not said; it is no younger than the order's last change, so a level read before that does not know it.
with lines as (
    select
        system,
        self.id as order_id,
        "shipFromFacility"."businessKey".number as facility_id,
        "updatedDate" as updated_at,
        unnest("orderLines".data) as line
    from {{ source('deposco', 'orders') }}
    where coalesce("orderStatus", status) is distinct from 'Canceled'
),

units as (
    select
        *,
        greatest(
            coalesce(line."allocatedQuantity", 0),
            greatest(coalesce(line."pickedPackQuantity", 0), coalesce(line."shippedPackQuantity", 0))
            * coalesce(line.pack."businessKey".quantity, 1)
        ) as allocated,
        coalesce(line."shippedPackQuantity", 0) * coalesce(line.pack."businessKey".quantity, 1) as shipped
    from lines
)

select
    system || ':' || order_id as allocation_key,
    system || ':' || order_id as warehouse_order_key,
    system,
    facility_id,
    updated_at as created_at,
    bool_and(shipped >= allocated) as is_shipped
from units
where allocated > 0
group by system, order_id, facility_id, updated_at
