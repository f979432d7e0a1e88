-- Goods received that belong to an order of ours: by its number, or by a reference that begins with it (1001-R1). What a
-- cancellation put back (SS Cancellation - Dispatch ...) is no return, and neither is a supplier's delivery.
with lines as (
    select
        g.*,
        o.GUID as order_guid
    from {{ source('seko', 'grns') }} as g
    inner join {{ source('seko', 'orders') }} as o
        on o.system = g.system
        and (g.HBRef = o.SalesOrderNumber or regexp_replace(g.HBRef, '-R\d+$', '') = o.SalesOrderNumber)
    where
        not coalesce(g.DeliveryNumber ilike 'SS Cancellation%', false)
        and not coalesce(g.HBRef ilike 'SS Cancellation%', false)
)

select
    system || ':' || GUID as return_key,
    system,
    GUID as return_id,
    system || ':' || min(order_guid) as warehouse_order_key,
    case
        when bool_and(coalesce(CurrentStatus, 'Confirmed') = 'Confirmed') then 'received'
        when bool_and(CurrentStatus in ('Create', 'Arrived', 'Receiving', 'Confirmed')) then 'expected'
        else 'unknown'
    end as status_code,
    min(coalesce(ArrivedDate, ConfirmedTimestamp, _first_seen_at)) as created_at
from lines
group by system, GUID
