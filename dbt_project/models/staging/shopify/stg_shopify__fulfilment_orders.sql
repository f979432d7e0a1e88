select
    f.system || ':' || split_part(f.id, '/', -1) as fulfilment_order_key,
    f.system,
    split_part(f.id, '/', -1) as fulfilment_order_id,
    f.system || ':' || split_part(f.orderId, '/', -1) as order_key,
    split_part(f.assignedLocation.location.id, '/', -1) as location_id,
    case f.status
        when 'OPEN' then 'open'
        when 'IN_PROGRESS' then 'in_progress'
        when 'SCHEDULED' then 'scheduled'
        when 'ON_HOLD' then 'on_hold'
        when 'INCOMPLETE' then 'incomplete'
        when 'CLOSED' then 'closed'
        when 'CANCELLED' then 'cancelled'
        else 'unknown'
    end as status_code,
    f.createdAt as created_at,
    f.updatedAt as updated_at
from {{ source('shopify', 'fulfillment_orders') }} as f
where f._gone_at is null
