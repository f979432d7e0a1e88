-- Units a warehouse will not send and the channel still holds stock for: one row per order, with the units each of its
-- lines is to be left with. Releasing them moves no money; what the customer is owed then is a person's to decide (see
-- every_line_closed_short_has_a_decision).
--
-- A closing counts once it has stood for the interval a higher level must: what is picked again at once stays promised.
with short as (
    select *
    from {{ ref('short_units') }}
    where closed_at <= {{ interval_start() }}
),

-- Units that left and the channel has not been told of are no units to release.
untold as (
    select
        order_line_key,
        location_id,
        sum(untold_qty) as qty
    from {{ ref('parcels_to_tell') }}
    group by order_line_key, location_id
),

-- What never was in a warehouse is not closed.
waiting as (
    select distinct
        order_key,
        place
    from {{ ref('releases') }}
),

lefts as (
    select
        l.order_key,
        l.system,
        l.order_line_key,
        l.line_id,
        l.sku,
        l.location_id,
        l.remaining_qty - coalesce(u.qty, 0) as left_qty
    from {{ ref('lines_to_send') }} as l
    left join untold as u on u.order_line_key = l.order_line_key and u.location_id = l.location_id
    where
        l.order_key in (select order_key from short)
        and (l.order_key, coalesce(l.facility, 'location ' || l.location_id)) not in (select (order_key, place) from waiting)
        and l.remaining_qty > coalesce(u.qty, 0)
),

-- Line by line what the warehouse's closing explains: of a bundle as many as one of its components is short for.
explained as (
    select
        f.order_key,
        f.order_line_key,
        f.location_id,
        bool_or(u.is_bundle) as is_bundle,
        any_value(u.warehouse_sku) as warehouse_sku,
        max((coalesce(s.short_qty, 0) + u.per_unit_qty - 1) // u.per_unit_qty) as short_qty,
        max(s.closed_at) as closed_at,
        max(s.system) as warehouse_system
    from lefts as f
    inner join {{ ref('units_to_send') }} as u
        on u.order_key = f.order_key and u.order_line_key = f.order_line_key and u.location_id = f.location_id
    left join short as s on s.order_key = u.order_key and s.sku = u.warehouse_sku
    group by f.order_key, f.order_line_key, f.location_id
),

lines as (
    select
        f.order_key,
        f.system,
        f.order_line_key,
        f.line_id,
        f.sku,
        sum(f.left_qty) as left_qty,
        max(e.closed_at) as closed_at,
        max(e.warehouse_system) as warehouse_system,
        -- More is open than the warehouse gave up: a parcel that was not read yet, or a line it never had.
        bool_or(case
            when e.is_bundle then f.left_qty > e.short_qty
            else sum_of.left_qty > e.short_qty
        end) as is_unexplained
    from lefts as f
    inner join explained as e on e.order_line_key = f.order_line_key and e.location_id = f.location_id
    left join (
        select
            x.order_key,
            y.warehouse_sku,
            sum(x.left_qty) as left_qty
        from lefts as x
        inner join explained as y on y.order_line_key = x.order_line_key and y.location_id = x.location_id
        where not y.is_bundle
        group by x.order_key, y.warehouse_sku
    ) as sum_of on sum_of.order_key = f.order_key and sum_of.warehouse_sku = e.warehouse_sku
    where e.short_qty > 0
    group by f.order_key, f.system, f.order_line_key, f.line_id, f.sku
)

select
    l.system,
    max(l.warehouse_system) as source_system,
    'release' as act,
    -- A later closing of the same order leaves fewer units, and is another release.
    l.order_key || '@release/' || sum(ol.current_qty - l.left_qty)::bigint as business_key,
    any_value(o.order_name) as reference,
    l.order_key,
    max(l.closed_at) as since_at,
    case
        when bool_or(l.is_unexplained) then 'units_unclear'
        when bool_or(ol.current_qty < l.left_qty) then 'units_unclear'
    end as held_by,
    20::integer as priority,
    null::decimal(18, 4) as amount,
    any_value(o.currency) as currency,
    any_value(o.order_id) as order_id,
    list({
        'order_line_key': l.order_line_key,
        'line_id': l.line_id,
        'sku': l.sku,
        'change_from': ol.current_qty,
        'quantity': greatest(ol.current_qty - l.left_qty, 0)::bigint
    } order by l.line_id) as lines
from lines as l
inner join {{ ref('live_orders') }} as o on o.order_key = l.order_key
inner join {{ ref('live_lines') }} as ol on ol.order_line_key = l.order_line_key
where o.cancelled_at is null and o.gone_at is null
group by l.system, l.order_key
