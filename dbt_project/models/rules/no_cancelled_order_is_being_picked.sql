-- Orders the customer cancelled and the warehouse still works on, or sent off afterwards. What came back is put right.
with held as (
    select
        wo.*,
        o.order_name,
        o.cancelled_at as order_cancelled_at
    from {{ ref('live_orders') }} as o
    inner join {{ ref('orders_at_warehouse') }} as wo on wo.order_key = o.order_key
    where o.cancelled_at is not null and wo.gone_at is null and not coalesce(o.is_test, false)
),

sent as (
    select
        h.warehouse_order_key,
        min(s.despatched_at) as despatched_at
    from held as h
    inner join {{ ref('parcels') }} as s on s.warehouse_order_key = h.warehouse_order_key
    where s.despatched_at > h.order_cancelled_at
    group by h.warehouse_order_key
),

candidates as (
    select
        h.warehouse_order_key as exception_key,
        case
            when s.despatched_at is not null then 'shipped_after_cancel'
            when h.is_past_no_return then 'past_no_return'
            else 'not_cancelled_in_warehouse'
        end as cause,
        h.system,
        h.order_key as entity_key,
        coalesce(s.despatched_at, h.order_cancelled_at) as since_at,
        h.total_amount as amount,
        h.currency,
        h.order_name || ' is ' || h.status_code || ' in the warehouse' as detail,
        h.url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from held as h
    left join sent as s on s.warehouse_order_key = h.warehouse_order_key
    where
        (
            s.despatched_at is not null
            and h.warehouse_order_key not in (
                select r.warehouse_order_key
                from {{ ref('warehouse_returns') }} as r
                where r.status_code = 'received'
            )
        )
        or (s.despatched_at is null and h.status_code not in ('cancelled', 'merged', 'refunded', 'shipped'))
),

{{ when_due('candidates') }}
