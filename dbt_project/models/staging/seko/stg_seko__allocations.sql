-- An order is loaded for one DC, which reserves its stock. Free stock shows it some five minutes later: only then do the
-- figures read know of it.
select
    system || ':' || GUID as allocation_key,
    system || ':' || GUID as warehouse_order_key,
    system,
    DCCode as facility_id,
    coalesce(LoadedAt, _first_seen_at) + interval 5 minutes as created_at,
    coalesce(Status = 'Dispatched', false) as is_shipped
from {{ source('seko', 'orders') }}
where Status is distinct from 'Cancelled'
