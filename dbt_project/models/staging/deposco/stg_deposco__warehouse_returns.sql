select
    system || ':' || self.id as return_key,
    system,
    self.id::varchar as return_id,
    system || ':' || "parentOrder".id as warehouse_order_key,
    case
        when coalesce("orderStatus", status) in ('New', 'Hold', 'Receiving', 'Partial Receipt') then 'expected'
        when coalesce("orderStatus", status) = 'Received' then 'received'
        else 'unknown'
    end as status_code,
    "createdDate" as created_at
from {{ source('deposco', 'customer_returns') }}
where coalesce("orderStatus", status) is distinct from 'Canceled' and _gone_at is null
