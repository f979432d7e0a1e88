-- What a channel shows of each SKU at each location, beside what it should show, with every figure in between.
--
-- Expected = the units every component can still make up, less the channel's buffer, never below nothing. Only an exact
-- SKU counts: a SKU with no item or with two in the warehouse has no expected level. A SKU that is listed twice has one
-- level per listing, off the same shelf. What the channel shows is its last reading, or what we verified there since.
with sold as (
    select
        i.system,
        i.sku,
        i.inventory_item_id,
        i.price_amount,
        i.currency,
        i.url
    from {{ ref('items') }} as i
    where
        i.role = 'channel'
        and i.is_active
        and coalesce(i.is_tracked, true)
        and i.sku is not null
        and i.inventory_item_id is not null
),

parts as (
    select
        s.system,
        s.sku,
        l.location_id,
        l.facility,
        b.parent_sku is not null as is_bundle,
        coalesce(n.warehouse_sku, b.component_sku, s.sku) as warehouse_sku,
        f.warehouse_system,
        coalesce(b.qty, 1) as per_unit_qty
    from (select distinct system, sku from sold) as s
    inner join {{ ref('locations') }} as l on l.system = s.system
    inner join {{ ref('facilities') }} as f on f.facility = l.facility
    left join {{ ref('bundle_components') }} as b on b.parent_sku = s.sku
    left join {{ ref('sku_names') }} as n
        on n.channel_system = s.system
        and n.warehouse_system = f.warehouse_system
        and n.channel_sku = coalesce(b.component_sku, s.sku)
),

-- A component over all facilities that serve the location.
supplied as (
    select
        p.system,
        p.sku,
        p.location_id,
        p.is_bundle,
        p.warehouse_sku,
        any_value(p.per_unit_qty) as per_unit_qty,
        min(p.facility) as facility,
        sum(a.physical_qty) as physical_qty,
        sum(a.allocated_qty) as allocated_qty,
        sum(a.ordered_unallocated_qty) as ordered_unallocated_qty,
        sum(a.free_qty) as free_qty,
        case when count(a.settled_free_qty) = count(a.sku) then sum(a.settled_free_qty) end as settled_free_qty,
        coalesce(bool_or(a.entries_qty = 1 and a.available_qty is not null), false) as is_stocked,
        coalesce(bool_and(a.entries_qty <= 1 and (a.available_qty is not null or a.entries_qty = 0)), true) as is_exact,
        max(a.changed_at) as changed_at,
        min(a.read_at) as read_at
    from parts as p
    left join {{ ref('availability') }} as a
        on a.facility = p.facility and a.system = p.warehouse_system and a.sku = p.warehouse_sku
    group by p.system, p.sku, p.location_id, p.is_bundle, p.warehouse_sku
),

-- The component that runs out first decides, and its figures are the ones shown.
levels as (
    select
        system,
        sku,
        location_id,
        is_bundle,
        bool_and(is_stocked and is_exact) as is_known,
        min({{ floor_div('free_qty', 'per_unit_qty') }}) as makes_qty,
        case when count(settled_free_qty) = count(*)
            then min({{ floor_div('settled_free_qty', 'per_unit_qty') }}) end as settled_makes_qty,
        arg_min(warehouse_sku, {{ floor_div('free_qty', 'per_unit_qty') }}) as limiting_sku,
        arg_min(facility, {{ floor_div('free_qty', 'per_unit_qty') }}) as facility,
        arg_min(physical_qty, {{ floor_div('free_qty', 'per_unit_qty') }}) as physical_qty,
        arg_min(allocated_qty, {{ floor_div('free_qty', 'per_unit_qty') }}) as allocated_qty,
        arg_min(ordered_unallocated_qty, {{ floor_div('free_qty', 'per_unit_qty') }}) as ordered_unallocated_qty,
        max(changed_at) as changed_at,
        min(read_at) as read_at
    from supplied
    group by system, sku, location_id, is_bundle
),

shown as (
    select
        *,
        row_number() over (
            partition by system, location_id, item_id order by is_active desc nulls last, read_at desc, channel_stock_key
        ) as rank
    from {{ ref('channel_stock') }}
),

-- A channel counts the units of its open orders itself, tests too, which never leave. Units it counts and we know no order
-- of belong to orders its search does not show yet: nothing is lifted over them.
known_units as (
    select
        system,
        location_id,
        sku,
        sum(remaining_qty) as qty
    from {{ ref('asked_lines') }}
    group by system, location_id, sku
),

-- The last level we saw stand there after setting it.
verified as (
    select
        business_key,
        max(closed_at) as verified_at,
        arg_max((sent ->> '$.quantity')::bigint, closed_at) as verified_qty
    from {{ source('ops', 'operations') }}
    where sync = 'stock_to_channel' and state = 'verified'
    group by business_key
),

-- Units ordered after the level was seen: the channel has taken them off by itself since.
seen as (
    select
        l.system,
        l.location_id,
        l.sku,
        s.inventory_item_id,
        c.channel_stock_key as known_key,
        coalesce(c.channel_stock_key, l.system || ':' || s.inventory_item_id || ':' || l.location_id) as channel_stock_key,
        greatest(c.read_at, v.verified_at) as seen_at
    from levels as l
    inner join sold as s on s.system = l.system and s.sku = l.sku
    left join shown as c
        on c.system = l.system and c.location_id = l.location_id and c.item_id = s.inventory_item_id and c.rank = 1
    left join verified as v
        on v.business_key
        = coalesce(c.channel_stock_key, l.system || ':' || s.inventory_item_id || ':' || l.location_id)
),

newer_units as (
    select
        x.channel_stock_key,
        sum(l.remaining_qty) as qty
    from seen as x
    inner join {{ ref('lines_to_send') }} as l
        on l.system = x.system and l.location_id = x.location_id and l.sku = x.sku
    where l.placed_at > x.seen_at
    group by x.channel_stock_key
)

select
    x.channel_stock_key,
    s.system,
    l.location_id,
    s.sku,
    s.inventory_item_id,
    l.is_bundle,
    l.limiting_sku,
    l.facility,
    l.is_known,
    c.channel_stock_key is null and v.verified_at is null as is_missing,
    coalesce(c.is_active, false) or v.verified_at > coalesce(c.read_at, v.verified_at - interval 1 second) as is_stocked_there,
    l.physical_qty::bigint as physical_qty,
    l.allocated_qty::bigint as allocated_qty,
    l.ordered_unallocated_qty::bigint as ordered_unallocated_qty,
    coalesce(ch.buffer, 0)::bigint as buffer_qty,
    l.makes_qty::bigint as makes_qty,
    greatest(0, l.makes_qty - coalesce(ch.buffer, 0))::bigint as expected_qty,
    case
        when l.settled_makes_qty is not null
            then greatest(0, l.settled_makes_qty - coalesce(ch.buffer, 0) - greatest(0, coalesce(c.committed_qty, 0) - coalesce(k.qty, 0)))
    end::bigint as settled_qty,
    greatest(0, coalesce(c.committed_qty, 0) - coalesce(k.qty, 0))::bigint as unseen_qty,
    coalesce(n.qty, 0)::bigint as newer_qty,
    coalesce(c.committed_qty, 0)::bigint as committed_qty,
    case
        when v.verified_at > coalesce(c.read_at, v.verified_at - interval 1 second) then v.verified_qty
        else c.available_qty
    end::bigint as channel_qty,
    v.verified_qty,
    v.verified_at,
    l.changed_at as stock_changed_at,
    l.read_at as stock_read_at,
    c.updated_at as channel_updated_at,
    c.read_at as channel_read_at,
    h.reason as hold_reason,
    s.price_amount,
    s.currency,
    s.url
from levels as l
inner join sold as s on s.system = l.system and s.sku = l.sku
inner join seen as x
    on x.system = l.system and x.location_id = l.location_id and x.inventory_item_id = s.inventory_item_id
left join shown as c on c.channel_stock_key = x.known_key and c.rank = 1
left join known_units as k on k.system = l.system and k.location_id = l.location_id and k.sku = l.sku
left join newer_units as n on n.channel_stock_key = x.channel_stock_key
left join verified as v on v.business_key = x.channel_stock_key
left join {{ source('estate', 'channels') }} as ch on ch.system = l.system
left join (
    select
        sku,
        channel,
        min(reason) as reason
    from {{ source('estate', 'stock_holds') }}
    where until > {{ as_of() }}
    group by sku, channel
) as h on h.sku = l.sku and h.channel = l.system
