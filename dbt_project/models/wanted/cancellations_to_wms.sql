-- Orders the customer no longer wants and a warehouse still has. What it can no longer stop is held for a person.
with at_warehouse as (
    select
        wo.*,
        o.cancelled_at as order_cancelled_at,
        o.system as source_system,
        row_number() over (partition by wo.order_key order by wo.created_at, wo.warehouse_order_key) as rank
    from {{ ref('order_book') }} as o
    inner join {{ ref('orders_at_warehouse') }} as wo on wo.order_key = o.order_key
    where o.cancelled_at is not null and not coalesce(o.is_test, false)
)

select
    w.system,
    w.source_system,
    'cancel' as act,
    w.order_key || '@cancel' || case when w.rank > 1 then '/' || w.warehouse_order_id else '' end as business_key,
    w.reference,
    w.order_key,
    w.order_cancelled_at as since_at,
    case when w.is_past_no_return then 'past_no_return' end as held_by,
    20::integer as priority,
    w.total_amount as amount,
    w.currency,
    w.warehouse_order_id,
    'Cancelled in the shop' as cancel_reason
from at_warehouse as w
where
    w.gone_at is null
    and w.status_code not in ('cancelled', 'shipped', 'merged', 'refunded')
