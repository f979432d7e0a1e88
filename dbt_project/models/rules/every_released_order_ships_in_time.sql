-- Lines a warehouse has had for longer than its window of opening hours and has not sent, with where each one is stuck.
with unsent as (
    select
        l.*,
        wo.reference,
        wo.created_at,
        wo.url,
        wo.currency
    from {{ ref('unsent_lines') }} as l
    inner join {{ ref('orders_at_warehouse') }} as wo on wo.warehouse_order_key = l.warehouse_order_key
    left join {{ ref('live_orders') }} as o on o.order_key = l.order_key
    where
        l.status_code in ('awaiting_payment', 'awaiting_stock', 'on_hold', 'released', 'picking')
        and o.cancelled_at is null
),

last_parcels as (
    select
        s.warehouse_order_key,
        max(s.despatched_at) as despatched_at
    from {{ ref('parcels') }} as s
    where s.warehouse_order_key in (select warehouse_order_key from unsent)
    group by s.warehouse_order_key
),

facilities_of as (
    select
        warehouse_order_key,
        min(facility) as facility
    from {{ ref('live_allocations') }}
    group by warehouse_order_key
),

asked as (
    select
        order_key,
        min(facility) as facility
    from {{ ref('lines_to_send') }}
    group by order_key
),

candidates as (
    select
        u.warehouse_order_line_key as exception_key,
        case
            when u.status_code = 'awaiting_payment' then 'awaiting_payment'
            when u.status_code = 'on_hold' then 'on_hold'
            when p.despatched_at is not null then 'rest_of_part_shipment'
            when u.picked_qty > u.shipped_qty then 'picked_not_despatched'
            when u.allocated_qty < u.qty then 'awaiting_stock'
            else 'not_picked'
        end as cause,
        u.system,
        coalesce(u.order_key, u.warehouse_order_key) as entity_key,
        coalesce(p.despatched_at, u.created_at) as since_at,
        (u.qty - u.shipped_qty) * u.unit_price_amount as amount,
        u.currency,
        u.reference || ': ' || u.sku || ', ' || (u.qty - u.shipped_qty) || ' of ' || u.qty || ' not sent' as detail,
        u.url,
        null::timestamptz as ended_at,
        coalesce(f.facility, a.facility) as facility
    from unsent as u
    left join last_parcels as p on p.warehouse_order_key = u.warehouse_order_key
    left join facilities_of as f on f.warehouse_order_key = u.warehouse_order_key
    left join asked as a on a.order_key = u.order_key
),

{{ when_due('candidates') }}
