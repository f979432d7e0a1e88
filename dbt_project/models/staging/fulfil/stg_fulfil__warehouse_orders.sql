-- A sale is a warehouse order unless it is the order side of a return, which has fewer than no units. How far it is, its
-- shipments say: a sale that is being processed may wait for goods, be picked, or be gone in part. An order whose amount
-- is not the sum of its parts is parked as an exception: somebody must look at it. When it was sent is known by the day.
-- Its carrier service is an id, where orders name one by its code, so there is nothing to hold the two against.
with orders as (
    select
        *,
        coalesce(write_date.iso_string, create_date.iso_string) at time zone 'UTC' as changed_at
    from {{ source('fulfil', 'orders') }}
    where coalesce(total_quantity, 0) >= 0
),

parts as (
    select
        system,
        id as order_id,
        unnest(shipments) as shipment_id
    from orders
),

shipped as (
    select
        p.system,
        p.order_id,
        bool_or(s.state = 'done') as is_any_gone,
        bool_and(s.state = 'done') as is_all_gone,
        bool_or(
            s.state = 'packed' or lower(s.picking_status) in ('in-progress', 'in_progress', 'picking', 'picked', 'done')
        ) as is_picked,
        bool_or(s.on_hold and s.state <> 'done') as is_on_hold,
        bool_or(s.state in ('draft', 'waiting')) as is_waiting,
        max(s.effective_date.iso_string) filter (where s.state = 'done') as sent_on,
        max(coalesce(s.write_date.iso_string, s.create_date.iso_string)) filter (where s.state = 'done') as written_at
    from parts as p
    inner join {{ source('fulfil', 'shipments') }} as s on s.system = p.system and s.id = p.shipment_id
    where s.state <> 'cancel' and s._gone_at is null
    group by all
),

last_read as (
    {{ fulfil_last_read() }}
)

select
    o.system || ':' || o.id as warehouse_order_key,
    o.system,
    o.id::varchar as warehouse_order_id,
    coalesce(nullif(trim(o.reference), ''), nullif(trim(o.channel_identifier), '')) as reference,
    o.channel::varchar as channel_id,
    case
        when o.state = 'cancel' then 'cancelled'
        when o.state = 'done' then 'shipped'
        when o.state not in ('draft', 'quotation', 'confirmed', 'processing') then 'unknown'
        when o.has_channel_exception then 'on_hold'
        when o.state in ('draft', 'quotation') and coalesce(o.payment_total.decimal, 0) < o.total_amount.decimal
            then 'awaiting_payment'
        when o.state in ('draft', 'quotation') then 'on_hold'
        when o.shipment_state = 'sent' or s.is_all_gone then 'shipped'
        when s.is_on_hold then 'on_hold'
        when s.is_picked and not s.is_any_gone then 'picking'
        when s.is_waiting or s.order_id is null then 'awaiting_stock'
        when o.state in ('confirmed', 'processing') then 'released'
        else 'unknown'
    end as status_code,
    o.state as status_raw,
    o.create_date.iso_string at time zone 'UTC' as created_at,
    o.changed_at as updated_at,
    case
        when o.state = 'done' or o.shipment_state = 'sent' or s.is_all_gone
            then least(greatest(s.written_at, s.sent_on), s.sent_on + interval 1 day) at time zone 'UTC'
    end as shipped_at,
    case when o.state = 'cancel' then o.changed_at end as cancelled_at,
    null::varchar as merged_to_key,
    coalesce(o.state = 'done' or o.shipment_state = 'sent' or s.is_any_gone or s.is_picked, false) as is_past_no_return,
    null::varchar as delivery_method_id,
    nullif(trim(o."shipment_address.name"), '') as ship_to_name,
    nullif(trim(o."shipment_address.street"), '') as ship_to_line1,
    nullif(trim(o."shipment_address.street_bis"), '') as ship_to_line2,
    nullif(trim(o."shipment_address.city"), '') as ship_to_city,
    nullif(trim(o."shipment_address.zip"), '') as ship_to_postcode,
    nullif(trim(o."shipment_address.country.code"), '') as ship_to_country_code,
    o."currency.code" as currency,
    o.total_amount.decimal::decimal(18, 4) as total_amount,
    null::varchar as url,
    o._first_seen_at as first_seen_at,
    r.read_at,
    o._gone_at as gone_at
from orders as o
inner join last_read as r on r.system = o.system and r.order_id = o.id
left join shipped as s on s.system = o.system and s.order_id = o.id
