-- available is what no order has: our own arithmetic takes off what orders still need, so the vendor's promise, which has
-- taken that off already, would count it twice. A nil is an object and reads as not known.
with entries as (
    select
        system,
        _read_at,
        "itemNumber" as sku,
        unnest(case json_type("facilityInventory")
            when 'ARRAY' then from_json("facilityInventory", '["json"]')
            when 'OBJECT' then ["facilityInventory"]
        end) as entry
    from {{ source('deposco', 'stock') }}
    where _gone_at is null
)

select
    system || ':' || sku || ':' || (entry ->> '$.facility') as stock_key,
    system,
    entry ->> '$.facility' as facility_id,
    case when trim(sku) <> '' then sku end as sku,
    case when trim(sku) <> '' then sku end as item_id,
    round(try_cast(entry ->> '$.inventory.total' as double))::bigint as physical_qty,
    round(try_cast(entry ->> '$.inventory.allocated' as double))::bigint as allocated_qty,
    round(try_cast(entry ->> '$.inventory.unallocated' as double))::bigint as available_qty,
    null::timestamptz as updated_at,
    _read_at as read_at
from entries
where entry ->> '$.facility' is not null
