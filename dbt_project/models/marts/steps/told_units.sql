-- What channels were told of live orders: units of a line in a fulfilment that stands.
select
    f.fulfilment_key,
    f.order_key,
    f.system,
    f.location_id,
    f.status_code,
    f.created_at,
    f.tracking_numbers,
    l.order_line_key,
    l.qty
from {{ ref('fulfilments') }} as f
inner join {{ ref('fulfilment_lines') }} as l on l.fulfilment_key = f.fulfilment_key
where
    f.status_code in ('success', 'pending')
    and f.order_key in (select order_key from {{ ref('live_orders') }})
    and l.order_key in (select order_key from {{ ref('live_orders') }})
