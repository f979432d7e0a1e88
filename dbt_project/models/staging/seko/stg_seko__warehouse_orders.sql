-- Orders of ours, asked about one by one: there is no list. What others sent is known once it leaves, by its message; a
-- message that came before our own order was first asked about is taken back. No time of a change is told, so it is when
-- the change was first seen. What is stored of the address is not told either. To Cancel may still be refused: nothing
-- has left, and nothing is sure.
with messages as (
    select
        system,
        SalesOrderNumber,
        min(InterfaceRecordId) as record_id,
        min(SalesOrderReference) as reference,
        min(DispatchDate) as dispatched_at,
        min(_first_seen_at) as first_seen_at,
        max(_changed_at) as changed_at,
        max(_read_at) as read_at
    from {{ source('seko', 'dispatches') }}
    group by system, SalesOrderNumber
)

select
    o.system || ':' || o.GUID as warehouse_order_key,
    o.system,
    o.GUID as warehouse_order_id,
    o.SalesOrderReference as reference,
    null::varchar as channel_id,
    case o.Status
        when 'To Be Picked' then 'released'
        when 'To Cancel' then 'on_hold'
        when 'Being Picked' then 'picking'
        when 'Pick Complete' then 'picking'
        when 'To Dispatch' then 'picking'
        when 'Dispatched' then 'shipped'
        when 'Cancelled' then 'cancelled'
        else 'unknown'
    end as status_code,
    o.Status as status_raw,
    coalesce(o.LoadedAt, o._first_seen_at) as created_at,
    o._changed_at as updated_at,
    case when o.Status = 'Dispatched' then coalesce(d.dispatched_at, o._changed_at) end as shipped_at,
    case when o.Status = 'Cancelled' then o._changed_at end as cancelled_at,
    null::varchar as merged_to_key,
    coalesce(o.Status in ('Being Picked', 'Pick Complete', 'To Dispatch', 'Dispatched'), false) as is_past_no_return,
    o.CourierName as delivery_method_id,
    null::varchar as ship_to_name,
    null::varchar as ship_to_line1,
    null::varchar as ship_to_line2,
    null::varchar as ship_to_city,
    null::varchar as ship_to_postcode,
    null::varchar as ship_to_country_code,
    o.CurrencyCode as currency,
    o.Total::decimal(18, 4) as total_amount,
    null::varchar as url,
    o._first_seen_at as first_seen_at,
    greatest(o._read_at, d.read_at) as read_at,
    o._gone_at as gone_at
from {{ source('seko', 'orders') }} as o
left join messages as d on d.system = o.system and d.SalesOrderNumber = o.SalesOrderNumber
union all by name
select
    m.system || ':' || m.record_id as warehouse_order_key,
    m.system,
    m.record_id as warehouse_order_id,
    coalesce(m.reference, m.SalesOrderNumber) as reference,
    'shipped' as status_code,
    'Dispatched' as status_raw,
    coalesce(m.dispatched_at, m.first_seen_at) as created_at,
    m.changed_at as updated_at,
    coalesce(m.dispatched_at, m.first_seen_at) as shipped_at,
    true as is_past_no_return,
    m.first_seen_at,
    greatest(m.read_at, o._read_at) as read_at,
    o._first_seen_at as gone_at
from messages as m
left join {{ source('seko', 'orders') }} as o on o.system = m.system and o.SalesOrderNumber = m.SalesOrderNumber
where o.SalesOrderNumber is null or m.first_seen_at < o._first_seen_at
