-- What is on hand and what may still be promised, at one location: what lies between is set aside.
select
    system || ':' || key as stock_key,
    system,
    location::varchar as facility_id,
    nullif(trim(code), '') as sku,
    id::varchar as item_id,
    floor(quantity_on_hand)::bigint as physical_qty,
    (floor(quantity_on_hand) - floor(quantity_available))::bigint as allocated_qty,
    floor(quantity_available)::bigint as available_qty,
    null::timestamptz as updated_at,
    _read_at as read_at
from {{ source('fulfil', 'stock') }}
where _gone_at is null
