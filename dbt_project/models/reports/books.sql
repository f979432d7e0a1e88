-- Every order ingested, in exactly one class: the books of orders_to_wms. Where an order has parts, the worst part counts.
-- `unexplained` is no class: an order there is a fault of ours, and the books do not balance.
with parts as (
    select
        order_key,
        arg_max(state, generation) as state,
        arg_max(reason, generation) as reason
    from {{ source('ops', 'operations') }}
    where sync = 'orders_to_wms' and order_key is not null
    group by order_key, system, business_key
),

promised as (
    select
        order_key,
        bool_or(state = 'dead') as is_dead,
        bool_or(state = 'rejected') as is_rejected,
        min(reason) filter (where state = 'rejected') as rejected_for,
        bool_or(state = 'held') as is_held,
        min(reason) filter (where state = 'held') as held_for,
        bool_or(state in ('waiting', 'claimed', 'sent')) as is_waiting,
        bool_or(state = 'verified') as is_verified,
        bool_or(state = 'adopted') as is_adopted,
        bool_or(state in ('withdrawn', 'superseded')) as is_withdrawn
    from parts
    group by order_key
),

adopted as (
    select
        order_key,
        min(reason) as reason
    from {{ source('ops', 'adoptions') }}
    where sync = 'orders_to_wms' and order_key is not null
    group by order_key
),

released as (
    select
        order_key,
        min(held_by) as held_by
    from {{ ref('releases') }}
    group by order_key
),

there as (
    select distinct order_key
    from {{ ref('warehouse_orders') }}
    where order_key is not null
),

to_ship as (
    select distinct order_key
    from {{ ref('order_lines') }}
    where coalesce(requires_shipping, true) and current_qty > 0
),

judged as (
    select
        o.order_key,
        o.system,
        o.order_name,
        o.total_amount as amount,
        o.currency,
        case
            when o.is_test then 'out_of_scope: test'
            when p.is_dead then 'dead'
            when p.is_rejected then 'rejected: ' || coalesce(p.rejected_for, '')
            when p.is_held then 'held: ' || coalesce(p.held_for, '')
            when p.is_waiting then 'waiting'
            when o.cancelled_at is not null then 'cancelled'
            when p.is_verified then 'verified'
            when a.order_key is not null then 'out_of_scope: ' || coalesce(a.reason, 'adopted')
            when p.is_adopted then 'out_of_scope: already_there'
            when r.order_key is not null and o.placed_at < s.from_at then 'out_of_scope: before_from'
            when r.held_by is not null then 'held: ' || r.held_by
            when r.order_key is not null then 'waiting: not_planned_yet'
            when t.order_key is not null then 'out_of_scope: sent_by_others'
            when p.is_withdrawn then 'withdrawn'
            when o.gone_at is not null then 'out_of_scope: gone'
            when n.order_key is null or o.fulfilment_code = 'fulfilled' then 'out_of_scope: nothing_to_ship'
            when o.fulfilment_code in ('unfulfilled', 'part_fulfilled', 'on_hold', 'scheduled')
                then 'held: no_fulfilment_order'
            else 'unexplained'
        end as entry
    from {{ ref('orders') }} as o
    left join promised as p on p.order_key = o.order_key
    left join adopted as a on a.order_key = o.order_key
    left join released as r on r.order_key = o.order_key
    left join there as t on t.order_key = o.order_key
    left join to_ship as n on n.order_key = o.order_key
    left join {{ source('estate', 'syncs') }} as s on s.sync = 'orders_to_wms'
)

select
    order_key,
    system,
    order_name,
    split_part(entry, ': ', 1) as order_class,
    case when contains(entry, ': ') then substr(entry, strpos(entry, ': ') + 2) end as reason,
    amount,
    currency
from judged
