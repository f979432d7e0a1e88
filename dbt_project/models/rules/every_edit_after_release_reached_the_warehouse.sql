-- Orders the shop changed after they were sent, where the warehouse still has the old. An edit is the channel unlike what
-- was sent; it has arrived when the warehouse is like the channel. What was sent is in the ledger: items and options in
-- clear, personal fields as fingerprints. Orders somebody else sent have no such record: only their units are compared.
with live as (
    select
        wo.order_key,
        wo.system,
        min(wo.created_at) as released_at,
        max(wo.url) as url
    from {{ ref('orders_at_warehouse') }} as wo
    where wo.order_key is not null and wo.gone_at is null
    group by wo.order_key, wo.system
    having
        bool_and(wo.status_code not in ('merged', 'refunded', 'unknown'))
        and bool_or(wo.status_code <> 'cancelled')
        and max(coalesce(wo.shipped_at, {{ as_of() }})) > {{ as_of() }} - to_days({{ var('edit_days') }})
),

sent_to as (
    select
        op.order_key,
        op.system,
        split_part(op.business_key, '@', -1) as facility,
        -- It rests on a reading from before it was first sent; a bridge may take hours from there.
        coalesce(op.first_sent_at, op.closed_at) as closed_at,
        op.sent
    from {{ source('ops', 'operations') }} as op
    where
        op.sync = 'orders_to_wms'
        and op.state = 'verified'
        and op.sent is not null
        and op.order_key in (select order_key from live)
),

readings as (
    select
        system,
        max(started_at, 2)[2] as last_but_one_at
    from {{ source('ops', 'pulls') }}
    where stream = 'orders' and is_complete and kind <> 'sweep'
    group by system
),

edited as (
    select
        o.*,
        l.system as warehouse_system,
        l.released_at,
        l.url as warehouse_url,
        s.closed_at as sent_at,
        s.order_key is not null as is_ours
    from live as l
    inner join {{ ref('live_orders') }} as o on o.order_key = l.order_key
    left join (select order_key, system, min(closed_at) as closed_at from sent_to group by order_key, system) as s
        on s.order_key = l.order_key and s.system = l.system
    where
        o.cancelled_at is null
        and not coalesce(o.is_test, false)
        and o.updated_at > coalesce(s.closed_at, l.released_at)
        -- Its newest record was not understood: what is known of it is older than what its location is asked for.
        and not exists (
            select 1
            from {{ source('ops', 'set_aside') }} as a
            where a.is_open and a.system = o.system and a.system || ':' || regexp_extract(a.record_key, '[^/]+$') = o.order_key
        )
        -- It changed while its list was read and dropped out of the window: the next reading brings what its location did.
        -- What two readings did not bring had not changed.
        and not exists (
            select 1
            from {{ ref('fulfilment_orders') }} as fo
            inner join {{ ref('order_book') }} as b on b.order_key = fo.order_key
            left join readings as r on r.system = fo.system
            where fo.order_key = o.order_key and fo.updated_at > greatest(b.stamped_at, r.last_but_one_at)
        )
),

-- What the channel wants of each SKU now: sent already, or still to be sent and not still to be released.
wanted_now as (
    select
        order_key,
        sku,
        sum(qty) as qty
    from (
        select
            u.order_key,
            u.warehouse_sku as sku,
            u.qty
        from {{ ref('units_to_send') }} as u
        where
            u.order_key in (select order_key from edited)
            and not exists (
                select 1
                from {{ ref('releases') }} as r
                where r.order_key = u.order_key and r.place = coalesce(u.facility, 'location ' || u.location_id)
            )
        union all
        select
            f.order_key,
            coalesce(n.warehouse_sku, b.component_sku, ol.sku),
            f.qty * coalesce(b.qty, 1)
        from {{ ref('told_units') }} as f
        inner join {{ ref('live_lines') }} as ol on ol.order_line_key = f.order_line_key
        left join {{ ref('bundle_components') }} as b on b.parent_sku = ol.sku
        left join {{ ref('locations') }} as lo on lo.system = f.system and lo.location_id = f.location_id
        left join {{ ref('facilities') }} as fa on fa.facility = lo.facility
        left join {{ ref('sku_names') }} as n
            on n.channel_system = f.system and n.warehouse_system = fa.warehouse_system
            and n.channel_sku = coalesce(b.component_sku, ol.sku)
        where f.status_code = 'success' and f.order_key in (select order_key from edited)
    )
    group by order_key, sku
),

sent_lines as (
    select
        order_key,
        line ->> '$.sku' as sku,
        sum((line ->> '$.qty')::bigint) as qty
    from (
        select
            s.order_key,
            unnest(from_json(s.sent -> '$.lines', '["json"]')) as line
        from sent_to as s
        where s.order_key in (select order_key from edited)
    )
    group by 1, 2
),

-- What the warehouse will send, or has sent: of an order it has finished, what it left out is not on its way.
at_warehouse as (
    select
        wo.order_key,
        l.sku,
        sum(case when wo.status_code = 'shipped' then l.shipped_qty else l.qty end) as qty
    from {{ ref('orders_at_warehouse') }} as wo
    inner join {{ ref('warehouse_lines') }} as l on l.warehouse_order_key = wo.warehouse_order_key
    where
        wo.order_key in (select order_key from edited)
        and wo.status_code <> 'cancelled'
        and wo.gone_at is null
    group by wo.order_key, l.sku
),

units as (
    select
        order_key,
        sku,
        sum(now_qty) as now_qty,
        sum(sent_qty) as sent_qty,
        sum(there_qty) as there_qty
    from (
        select order_key, sku, qty as now_qty, 0 as sent_qty, 0 as there_qty from wanted_now
        union all
        select order_key, sku, 0, qty, 0 from sent_lines
        union all
        select order_key, sku, 0, 0, qty from at_warehouse
    )
    group by order_key, sku
),

line_edits as (
    select
        u.order_key,
        string_agg(u.sku || ' had ' || u.there_qty || ', now ' || u.now_qty, '; ' order by u.sku) as detail
    from units as u
    inner join (select order_key, bool_and(is_ours) as is_ours from edited group by order_key) as e
        on e.order_key = u.order_key
    where u.now_qty <> u.there_qty and (u.now_qty <> u.sent_qty or not e.is_ours)
    group by u.order_key
),

-- Fields that the warehouse has otherwise than the channel, and that were sent otherwise than the channel has them now.
fields as (
    select
        e.order_key,
        unnest([
            {'name': 'name', 'now': e.ship_to_name, 'there': wo.ship_to_name, 'sent': s.sent ->> '$.ship_to_name', 'is_secret': true},
            {'name': 'line 1', 'now': e.ship_to_line1, 'there': wo.ship_to_line1, 'sent': s.sent ->> '$.ship_to_line1', 'is_secret': true},
            {'name': 'line 2', 'now': e.ship_to_line2, 'there': wo.ship_to_line2, 'sent': s.sent ->> '$.ship_to_line2', 'is_secret': true},
            {'name': 'city', 'now': e.ship_to_city, 'there': wo.ship_to_city, 'sent': s.sent ->> '$.ship_to_city', 'is_secret': true},
            {'name': 'postcode', 'now': e.ship_to_postcode, 'there': wo.ship_to_postcode, 'sent': s.sent ->> '$.ship_to_postcode', 'is_secret': true},
            {'name': 'country', 'now': e.ship_to_country_code, 'there': wo.ship_to_country_code, 'sent': s.sent ->> '$.ship_to_country_code', 'is_secret': false}
        ]) as field
    from edited as e
    inner join sent_to as s on s.order_key = e.order_key and s.system = e.warehouse_system
    inner join {{ ref('orders_at_warehouse') }} as w
        on w.order_key = e.order_key
        and w.system = e.warehouse_system
        and w.status_code <> 'cancelled'
        and w.gone_at is null
    inner join {{ ref('warehouse_book') }} as wo on wo.warehouse_order_key = w.warehouse_order_key
),

address_edits as (
    select
        order_key,
        string_agg(distinct field.name, ', ' order by field.name) as detail
    from fields
    where
        {{ plain_text('field.now') }} is distinct from {{ plain_text('field.there') }}
        and case
            when field.is_secret and getvariable('hmac_inner') is null then false
            when field.is_secret then {{ fingerprint('field.now') }} is distinct from field.sent
            else field.now is distinct from field.sent
        end
    group by order_key
),

option_edits as (
    select
        e.order_key,
        max(e.delivery_option) as detail
    from edited as e
    inner join sent_to as s on s.order_key = e.order_key and s.system = e.warehouse_system
    inner join {{ ref('orders_at_warehouse') }} as wo
        on wo.order_key = e.order_key
        and wo.system = e.warehouse_system
        and wo.status_code <> 'cancelled'
        and wo.gone_at is null
    left join {{ ref('delivery_options') }} as d
        on d.system = e.system
        and d.delivery_option = e.delivery_option
        and d.warehouse_system = e.warehouse_system
        and (d.facility = s.facility or d.facility is null)
    where
        (s.sent ->> '$.delivery_option') <> e.delivery_option
        and d.delivery_method_id is distinct from wo.delivery_method_id
    group by e.order_key
),

facility_edits as (
    select
        e.order_key,
        min(s.facility) || ' to ' || min(u.facility) as detail
    from edited as e
    inner join sent_to as s on s.order_key = e.order_key and s.system = e.warehouse_system
    inner join {{ ref('units_to_send') }} as u on u.order_key = e.order_key and u.facility is not null
    where
        u.facility not in (select x.facility from sent_to as x where x.order_key = e.order_key)
        and u.facility not in (
            select a.facility
            from {{ ref('live_allocations') }} as a
            where a.order_key = e.order_key and a.facility is not null
        )
        and not exists (
            select 1
            from {{ ref('releases') }} as r
            where r.order_key = e.order_key and r.place = u.facility
        )
    group by e.order_key
),

candidates as (
    select
        e.order_key as exception_key,
        case
            when l.order_key is not null then 'lines'
            when a.order_key is not null then 'address'
            when f.order_key is not null then 'facility'
            else 'delivery_option'
        end as cause,
        e.system,
        e.order_key as entity_key,
        max(e.updated_at) as since_at,
        max(e.total_amount) as amount,
        max(e.currency) as currency,
        e.order_name || concat_ws(
            '', ': lines ' || l.detail, ': address ' || a.detail, ': facility ' || f.detail, ': delivery now ' || d.detail
        ) as detail,
        max(e.warehouse_url) as url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from edited as e
    left join line_edits as l on l.order_key = e.order_key
    left join address_edits as a on a.order_key = e.order_key
    left join option_edits as d on d.order_key = e.order_key
    left join facility_edits as f on f.order_key = e.order_key
    where coalesce(l.order_key, a.order_key, d.order_key, f.order_key) is not null
    group by e.order_key, e.order_name, e.system, l.order_key, l.detail, a.order_key, a.detail, f.order_key, f.detail, d.detail
),

{{ when_due('candidates') }}
