-- Lines a warehouse has had for longer than its window of opening hours and has not sent, with where each one is stuck.
with unsent as (
    select
        l.*,
        wo.system,
        wo.order_key,
        wo.reference,
        wo.status_code,
        wo.created_at,
        wo.url,
        wo.currency
    from {{ ref('warehouse_order_lines') }} as l
    inner join {{ ref('warehouse_orders') }} as wo on wo.warehouse_order_key = l.warehouse_order_key
    left join {{ ref('orders') }} as o on o.order_key = wo.order_key
    where
        l.qty > coalesce(l.shipped_qty, 0)
        and wo.status_code in ('awaiting_payment', 'awaiting_stock', 'on_hold', 'released', 'picking')
        and wo.gone_at is null
        and o.cancelled_at is null
),

parcels as (
    select
        s.warehouse_order_key,
        max(s.despatched_at) as despatched_at
    from {{ ref('shipments') }} as s
    where s.warehouse_order_key in (select warehouse_order_key from unsent)
    group by s.warehouse_order_key
),

facilities_of as (
    select
        a.warehouse_order_key,
        min(a.facility) as facility
    from {{ ref('allocations') }} as a
    where a.warehouse_order_key in (select warehouse_order_key from unsent)
    group by a.warehouse_order_key
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
            when coalesce(u.picked_qty, 0) > coalesce(u.shipped_qty, 0) then 'picked_not_despatched'
            when p.despatched_at is not null then 'rest_of_part_shipment'
            when coalesce(u.allocated_qty, 0) < u.qty then 'awaiting_stock'
            else 'not_picked'
        end as cause,
        u.system,
        coalesce(u.order_key, u.warehouse_order_key) as entity_key,
        coalesce(
            case when coalesce(u.picked_qty, 0) <= coalesce(u.shipped_qty, 0) then p.despatched_at end, u.created_at
        ) as since_at,
        (u.qty - coalesce(u.shipped_qty, 0)) * u.unit_price_amount as amount,
        u.currency,
        u.reference || ': ' || u.sku || ', ' || (u.qty - coalesce(u.shipped_qty, 0)) || ' of ' || u.qty || ' not sent' as detail,
        u.url,
        null::timestamptz as ended_at,
        coalesce(f.facility, a.facility) as facility
    from unsent as u
    left join parcels as p on p.warehouse_order_key = u.warehouse_order_key
    left join facilities_of as f on f.warehouse_order_key = u.warehouse_order_key
    left join asked as a on a.order_key = u.order_key
),

{{ when_due('candidates') }}
