-- For each parcel of an order the channel still waits for: what it completes, and what of that the channel lacks.
--
-- A warehouse speaks of items, a channel of order lines. An order's lines stand in a row (plain lines first, then bundles)
-- and parcels fill them in the order they left. A bundle's unit is sent when the last of its components is: the parcel
-- that completes it carries the line, and the numbers of earlier parcels that held parts of it (see shipments_to_channel).
with waiting as (
    select distinct
        order_key,
        system
    from {{ ref('lines_to_send') }}
),

-- The facility we asked a record of: its parcels answer for that one's lines, wherever the goods came from.
asked as (
    select
        system || ':' || target_ref as warehouse_order_key,
        min(split_part(business_key, '@', -1)) as facility
    from {{ source('ops', 'operations') }}
    where
        sync = 'orders_to_wms'
        and act = 'create'
        and target_ref is not null
        and order_key in (select order_key from waiting)
    group by system || ':' || target_ref
),

despatched as (
    select
        s.shipment_key,
        w.order_key,
        w.system,
        coalesce(a.facility, s.facility) as facility,
        s.despatched_at,
        s.number
    from {{ ref('parcels') }} as s
    inner join waiting as w on w.order_key = s.order_key
    left join asked as a on a.warehouse_order_key = s.warehouse_order_key
),

fulfilled as (
    select
        order_line_key,
        location_id,
        sum(qty) as qty
    from {{ ref('told_units') }}
    where order_key in (select order_key from despatched)
    group by order_line_key, location_id
),

-- Everything a channel order ever wanted from a location: what is fulfilled and what is left.
order_lines_of as (
    select
        ol.order_key,
        ol.order_line_key,
        ol.line_id,
        ol.sku,
        coalesce(l.location_id, f.location_id) as location_id,
        l.location_id is not null as is_open,
        coalesce(l.remaining_qty, 0) + coalesce(f.qty, 0) as need_qty
    from (
        select
            order_line_key,
            location_id,
            sum(remaining_qty) as remaining_qty
        from {{ ref('lines_to_send') }}
        where order_key in (select order_key from despatched)
        group by order_line_key, location_id
    ) as l
    full join fulfilled as f on f.order_line_key = l.order_line_key and f.location_id = l.location_id
    inner join {{ ref('live_lines') }} as ol on ol.order_line_key = coalesce(l.order_line_key, f.order_line_key)
),

-- A parcel answers the location that its facility (the one asked, or where nobody was, the one it left) stands for, else
-- the first that still waits.
places as (
    select
        order_key,
        location_id,
        min(location_id) filter (where is_open) over (partition by order_key) as open_location_id
    from order_lines_of
),

parcels as (
    select
        d.shipment_key,
        d.order_key,
        d.system,
        d.despatched_at,
        d.number,
        coalesce(min(p.location_id) filter (where m.facility is not null), min(p.open_location_id)) as location_id
    from despatched as d
    inner join places as p on p.order_key = d.order_key
    left join {{ ref('locations') }} as m
        on m.system = d.system and m.location_id = p.location_id and m.facility = d.facility
    group by d.shipment_key, d.order_key, d.system, d.despatched_at, d.number
),

warehouses as (
    select
        system,
        location_id,
        min(warehouse_system) as warehouse_system
    from {{ ref('lines_to_send') }}
    group by system, location_id
),

components as (
    select
        o.order_key,
        o.location_id,
        o.order_line_key,
        o.line_id,
        o.need_qty,
        b.parent_sku is not null as is_bundle,
        coalesce(n.warehouse_sku, b.component_sku, o.sku) as sku,
        coalesce(b.qty, 1) as per_unit_qty,
        coalesce(sum(o.need_qty * coalesce(b.qty, 1)) over (
            partition by o.order_key, o.location_id, coalesce(n.warehouse_sku, b.component_sku, o.sku)
            order by b.parent_sku is not null, length(o.line_id), o.line_id
            rows between unbounded preceding and 1 preceding
        ), 0) as start_qty
    from order_lines_of as o
    left join {{ ref('bundle_components') }} as b on b.parent_sku = o.sku
    left join (select distinct order_key, system from parcels) as w on w.order_key = o.order_key
    left join warehouses as ls on ls.location_id = o.location_id and ls.system = w.system
    left join {{ ref('sku_names') }} as n
        on n.channel_system = w.system
        and n.warehouse_system = ls.warehouse_system
        and n.channel_sku = coalesce(b.component_sku, o.sku)
),

contents as (
    select
        shipment_key,
        sku,
        sum(qty) as qty
    from {{ ref('parcel_lines') }}
    where shipment_key in (select shipment_key from parcels)
    group by shipment_key, sku
),

-- How far each component is filled before and after each parcel.
filled as (
    select
        p.shipment_key,
        p.order_key,
        p.location_id,
        p.despatched_at,
        p.number,
        c.order_line_key,
        c.is_bundle,
        c.per_unit_qty,
        least(c.need_qty * c.per_unit_qty, greatest(0, sum(coalesce(k.qty, 0)) over so_far - c.start_qty)) as to_qty,
        least(
            c.need_qty * c.per_unit_qty,
            greatest(0, sum(coalesce(k.qty, 0)) over so_far - coalesce(k.qty, 0) - c.start_qty)
        ) as from_qty
    from parcels as p
    inner join components as c on c.order_key = p.order_key and c.location_id = p.location_id
    left join contents as k on k.shipment_key = p.shipment_key and k.sku = c.sku
    window so_far as (
        partition by p.order_key, p.location_id, c.order_line_key, c.sku order by p.despatched_at, p.shipment_key
        rows between unbounded preceding and current row
    )
),

complete as (
    select
        shipment_key,
        order_key,
        location_id,
        despatched_at,
        number,
        order_line_key,
        is_bundle,
        min(to_qty // per_unit_qty) as complete_qty,
        min(from_qty // per_unit_qty) as before_qty,
        min(from_qty // per_unit_qty) filter (where to_qty > from_qty) + 1 as first_unit,
        max((to_qty + per_unit_qty - 1) // per_unit_qty) filter (where to_qty > from_qty) as last_unit
    from filled
    group by all
),

told as (
    select
        f.order_key,
        f.order_line_key,
        upper(trim(u.number)) as number,
        sum(f.qty) as qty
    from {{ ref('told_units') }} as f
    cross join unnest(f.tracking_numbers) as u (number)
    where f.order_key in (select order_key from despatched)
    group by all
)

select
    c.shipment_key,
    c.order_key,
    p.system,
    c.location_id,
    c.despatched_at,
    c.number,
    c.order_line_key,
    c.is_bundle,
    c.before_qty::bigint as before_qty,
    c.complete_qty::bigint as complete_qty,
    (c.complete_qty - c.before_qty)::bigint as own_qty,
    c.first_unit::bigint as first_unit_qty,
    c.last_unit::bigint as last_unit_qty,
    -- Two parcels may carry one number: what was told of it counts for the earlier first.
    greatest(0, least(c.complete_qty - c.before_qty, sum(c.complete_qty - c.before_qty) over (
        partition by c.order_key, c.location_id, c.order_line_key, c.number order by c.despatched_at, c.shipment_key
        rows between unbounded preceding and current row
    ) - coalesce(t.qty, 0)))::bigint as untold_qty
from complete as c
inner join parcels as p on p.shipment_key = c.shipment_key
left join told as t on t.order_key = c.order_key and t.order_line_key = c.order_line_key and t.number = c.number
where c.last_unit is not null
