-- Levels that have differed for longer than the window, with the sum that makes them and one cause.
--
-- Orders move both sides alike, so a difference has one of three roots. Measured from the last level we saw stand there:
-- foreign_edit, the channel moved by more than its own orders; physical, the warehouse's available stock moved by more
-- than its allocations (a count, goods in, a loss); delay, everything is explained and only our change has not arrived.
-- What our own change has put right in between is a new difference; what somebody undoes again and again is one.
-- A bundle that shows too much is no_bundle_outsells_its_components.
with differing as (
    select
        d.*,
        coalesce(m.since_at, {{ as_of() }}) as since_at,
        f.warehouse_system,
        f.warehouse_facility_id
    from {{ ref('level_differences') }} as d
    left join {{ source('ops', 'first_seen') }} as m
        on m.relation = 'level_differences' and m.row_key = d.channel_stock_key
    left join {{ ref('facilities') }} as f on f.facility = d.facility
    where not (d.is_bundle and d.channel_qty > d.expected_qty)
),

-- Units the channel's own orders moved since the level was last verified.
ordered as (
    select
        d.channel_stock_key,
        d.location_id,
        ol.order_line_key,
        ol.ordered_qty
    from differing as d
    inner join {{ ref('live_lines') }} as ol on ol.system = d.system and ol.sku = d.sku
    inner join {{ ref('live_orders') }} as o on o.order_key = ol.order_key
    where o.placed_at > d.verified_at and not coalesce(o.is_test, false)
),

-- Where a line is sent from: by what is left of it and what was told. A line taken off whole says nothing any more.
places as (
    select
        order_line_key,
        list(distinct location_id) as location_ids
    from (
        select order_line_key, location_id from {{ ref('asked_lines') }}
        union all
        select order_line_key, location_id from {{ ref('told_units') }}
    )
    where order_line_key in (select order_line_key from ordered)
    group by order_line_key
),

ordered_since as (
    select
        o.channel_stock_key,
        sum(o.ordered_qty) as qty
    from ordered as o
    left join places as p on p.order_line_key = o.order_line_key
    where p.order_line_key is null or list_contains(p.location_ids, o.location_id)
    group by o.channel_stock_key
),

restocked_since as (
    select
        d.channel_stock_key,
        sum(rl.qty) as qty
    from differing as d
    inner join {{ ref('refund_lines') }} as rl
        on rl.sku = d.sku and rl.location_id = d.location_id and rl.restock_code in ('cancel', 'return', 'legacy')
    inner join {{ ref('refunds') }} as r on r.refund_key = rl.refund_key and r.system = d.system
    where r.refunded_at > d.verified_at
    group by d.channel_stock_key
),

-- The warehouse's side, from the same instant (or from the first reading we have).
moved as (
    select
        d.channel_stock_key,
        arg_max(c.available, c.changed_at) filter (where c.changed_at <= coalesce(d.verified_at, d.channel_updated_at)) as before_qty,
        arg_min(c.available, c.changed_at) as first_qty,
        arg_max(c.available, c.changed_at) as last_qty,
        max(c.changed_at) filter (where c.changed_at <= coalesce(d.verified_at, d.channel_updated_at)) as before_at,
        min(c.changed_at) as first_at
    from differing as d
    inner join {{ source('ops', 'stock_changes') }} as c
        on c.system = d.warehouse_system and c.facility_ref = d.warehouse_facility_id and c.sku = d.limiting_sku
    group by d.channel_stock_key
),

allocated_since as (
    select
        m.channel_stock_key,
        sum(a.qty) as qty
    from moved as m
    inner join differing as d on d.channel_stock_key = m.channel_stock_key
    inner join {{ ref('live_allocations') }} as a
        on a.sku = d.limiting_sku and a.system = d.warehouse_system and a.facility_id = d.warehouse_facility_id
    where a.created_at > coalesce(m.before_at, m.first_at)
    group by m.channel_stock_key
),

began as (
    select
        system,
        min(started_at) as began_at
    from {{ source('ops', 'pulls') }}
    group by system
),

judged as (
    select
        d.*,
        d.verified_at is null
        and d.channel_updated_at > greatest(b.began_at, d.stock_changed_at) as has_channel_moved_last,
        d.verified_at is not null
        and d.channel_qty <> d.verified_qty - coalesce(o.qty, 0) + coalesce(r.qty, 0) as has_channel_moved,
        coalesce(m.last_qty - coalesce(m.before_qty, m.first_qty) + coalesce(a.qty, 0), 0) as unexplained_qty
    from differing as d
    left join ordered_since as o on o.channel_stock_key = d.channel_stock_key
    left join restocked_since as r on r.channel_stock_key = d.channel_stock_key
    left join began as b on b.system = d.system
    left join moved as m on m.channel_stock_key = d.channel_stock_key
    left join allocated_since as a on a.channel_stock_key = d.channel_stock_key
),

explained as (
    select
        *,
        case
            when has_channel_moved then 'foreign_edit'
            when unexplained_qty <> 0 then 'physical'
            when has_channel_moved_last then 'foreign_edit'
            else 'delay'
        end as cause
    from judged
),

candidates as (
    select
        channel_stock_key as exception_key,
        cause,
        system,
        inventory_item_id as entity_key,
        case when cause = 'foreign_edit' then since_at else greatest(since_at, coalesce(verified_at, since_at)) end as since_at,
        abs(channel_qty - greatest(0, expected_qty)) * price_amount as amount,
        currency,
        sku || ' at ' || coalesce(facility, location_id) || ': '
        || coalesce('physical ' || physical_qty || ' - allocated ' || allocated_qty, 'physical not told')
        || ' - ordered ' || ordered_unallocated_qty || ' - buffer ' || buffer_qty
        || ' = ' || greatest(0, expected_qty) || ', channel shows ' || channel_qty
        || coalesce('; warehouse changed ' || strftime(stock_changed_at, '%d %b %H:%M'), '')
        || coalesce('; channel changed ' || strftime(channel_updated_at, '%d %b %H:%M'), '') as detail,
        url,
        null::timestamptz as ended_at,
        facility
    from explained
),

{{ when_due('candidates') }}
