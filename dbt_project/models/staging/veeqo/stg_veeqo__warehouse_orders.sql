-- Veeqo's status is a roll-up, and a partly shipped order may still say awaiting_stock: what was picked and what has a
-- shipment is read from the parts. A merged order's goods travel in another order, so it can no longer be stopped alone.
with orders as (
    select
        *,
        list_sum(list_transform(line_items, lambda line: coalesce(line.picked_quantity, 0))) as picked_on_lines,
        list_sum(list_transform(
            allocations,
            lambda a: coalesce(list_sum(list_transform(a.line_items, lambda line: coalesce(line.picked_quantity, 0))), 0)
        )) as picked_on_allocations,
        len(list_filter(allocations, lambda a: a.shipment.id is not null)) as shipments
    from {{ source('veeqo', 'orders') }}
),

judged as (
    select
        *,
        coalesce(picked_completely, false)
        or coalesce(picked_on_lines, 0) > 0
        or coalesce(picked_on_allocations, 0) > 0 as is_picked,
        coalesce(shipments, 0) > 0 or shipped_at is not null as has_shipped
    from orders
)

select
    o.system || ':' || o.id as warehouse_order_key,
    o.system,
    o.id::varchar as warehouse_order_id,
    nullif(trim(o.number), '') as reference,
    o.channel.id::varchar as channel_id,
    case
        when o.merged_to_id is not null then 'merged'
        when o.status = 'cancelled' then 'cancelled'
        when o.status = 'refunded' then 'refunded'
        when o.status = 'shipped' then 'shipped'
        when o.status = 'on_hold' then 'on_hold'
        when o.status = 'awaiting_payment' then 'awaiting_payment'
        when o.status in ('awaiting_stock', 'awaiting_fulfillment') and o.is_picked and not o.has_shipped then 'picking'
        when o.status = 'awaiting_stock' then 'awaiting_stock'
        when o.status = 'awaiting_fulfillment' then 'released'
        else 'unknown'
    end as status_code,
    o.status as status_raw,
    o.created_at,
    o.updated_at,
    o.shipped_at,
    o.cancelled_at,
    o.system || ':' || o.merged_to_id as merged_to_key,
    coalesce(
        o.is_picked or o.has_shipped or o.status in ('shipped', 'refunded') or o.merged_to_id is not null, false
    ) as is_past_no_return,
    o.delivery_method.id::varchar as delivery_method_id,
    nullif(concat_ws(' ', nullif(trim(o.deliver_to.first_name), ''), nullif(trim(o.deliver_to.last_name), '')), '')
        as ship_to_name,
    nullif(trim(o.deliver_to.address1), '') as ship_to_line1,
    nullif(trim(o.deliver_to.address2), '') as ship_to_line2,
    nullif(trim(o.deliver_to.city), '') as ship_to_city,
    nullif(trim(o.deliver_to.zip), '') as ship_to_postcode,
    nullif(trim(o.deliver_to.country), '') as ship_to_country_code,
    coalesce(o.currency_code, o.channel.currency_code) as currency,
    o.total_price::decimal(18, 4) as total_amount,
    s.admin_url || '/orders/' || o.id as url,
    o._first_seen_at as first_seen_at,
    o._read_at as read_at,
    o._gone_at as gone_at
from judged as o
left join {{ source('estate', 'systems') }} as s on s.system = o.system
