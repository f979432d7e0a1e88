-- What channels still want sent, per order line and location, with the facility that sends it: the location's, or where
-- the channel routes by availability the first facility that has the whole part. A facility that was already asked
-- stays the facility.
with lines as (
    select
        a.order_key,
        a.system,
        a.order_line_key,
        a.location_id,
        a.remaining_qty,
        a.is_on_hold,
        a.is_scheduled,
        l.line_id,
        l.sku,
        l.ordered_qty,
        l.currency as line_currency,
        o.placed_at
    from {{ ref('asked_lines') }} as a
    inner join {{ ref('live_lines') }} as l on l.order_line_key = a.order_line_key
    inner join {{ ref('live_orders') }} as o on o.order_key = a.order_key
    where
        l.requires_shipping
        and not coalesce(o.is_test, false)
        and o.cancelled_at is null
        and o.gone_at is null
),

places as (
    select
        l.system,
        l.location_id,
        case when count(*) = 1 or c.route = 'availability' then min(l.facility) end as facility
    from {{ ref('locations') }} as l
    left join {{ source('estate', 'channels') }} as c on c.system = l.system
    group by l.system, l.location_id, c.route
),

-- Routing by availability: the location's own facility if it can, else the first that can, else the location's own.
able as (
    select
        l.order_key,
        l.location_id,
        f.facility,
        bool_and(coalesce(s.available_qty, 0) >= l.qty) as is_able
    from (
        select
            x.order_key,
            x.system,
            x.location_id,
            coalesce(b.component_sku, x.sku) as sku,
            sum(x.remaining_qty * coalesce(b.qty, 1)) as qty
        from lines as x
        inner join {{ source('estate', 'channels') }} as c on c.system = x.system and c.route = 'availability'
        left join {{ ref('bundle_components') }} as b on b.parent_sku = x.sku
        group by all
    ) as l
    inner join (select distinct system, facility from {{ ref('locations') }}) as f on f.system = l.system
    left join {{ ref('facilities') }} as w on w.facility = f.facility
    left join {{ ref('sku_names') }} as n
        on n.channel_system = l.system and n.warehouse_system = w.warehouse_system and n.channel_sku = l.sku
    left join {{ ref('stock') }} as s on s.facility = f.facility and s.sku = coalesce(n.warehouse_sku, l.sku)
    group by l.order_key, l.location_id, f.facility
),

chosen as (
    select
        a.order_key,
        a.location_id,
        arg_min(a.facility, (case when m.facility is not null then '0' else '1' end) || a.facility) as facility
    from able as a
    left join {{ ref('locations') }} as m on m.location_id = a.location_id and m.facility = a.facility
    where a.is_able
    group by a.order_key, a.location_id
),

already_asked as (
    select
        order_key,
        min(split_part(business_key, '@', -1)) as facility
    from {{ source('ops', 'operations') }}
    where sync = 'orders_to_wms' and state in ('claimed', 'sent', 'verified')
    group by order_key
    having count(distinct business_key) = 1
)

select
    l.order_key,
    l.system,
    l.order_line_key,
    l.line_id,
    l.location_id,
    l.sku,
    l.remaining_qty,
    l.ordered_qty,
    l.line_currency,
    l.is_on_hold,
    l.is_scheduled,
    l.placed_at,
    f.facility,
    f.warehouse_system,
    f.warehouse_facility_id
from lines as l
left join places as p on p.system = l.system and p.location_id = l.location_id
left join {{ source('estate', 'channels') }} as c on c.system = l.system
left join chosen as ch on ch.order_key = l.order_key and ch.location_id = l.location_id
left join already_asked as aa on aa.order_key = l.order_key and c.route = 'availability'
left join {{ ref('facilities') }} as f on f.facility = coalesce(aa.facility, ch.facility, p.facility)
