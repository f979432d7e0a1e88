-- Where a channel and a warehouse call one item differently because only one of them has followed a SKU change yet.
-- A SKU without a row here has the same name on both sides.
with recursive in_force as (
    select
        system,
        old_sku,
        new_sku
    from {{ ref('sku_changes') }}
    where from_on <= {{ local_day(as_of()) }}
),

renamed as (
    select
        system,
        old_sku,
        new_sku,
        1 as depth
    from in_force
    union all
    select
        r.system,
        r.old_sku,
        i.new_sku,
        r.depth + 1
    from renamed as r
    inner join in_force as i on i.system = r.system and i.old_sku = r.new_sku
    where r.depth < 10
),

latest as (
    select
        system,
        old_sku,
        arg_max(new_sku, depth) as new_sku
    from renamed
    group by system, old_sku
),

pairs as (
    select
        c.system as channel_system,
        w.system as warehouse_system
    from {{ source('estate', 'systems') }} as c
    cross join {{ source('estate', 'systems') }} as w
    where c.role = 'channel' and w.role = 'warehouse'
),

named as (
    -- The warehouse has changed: it knows the channel's old name by the new one.
    select
        p.channel_system,
        p.warehouse_system,
        l.old_sku as channel_sku,
        l.new_sku as warehouse_sku,
        1 as rank
    from pairs as p
    inner join latest as l on l.system = p.warehouse_system
    union all
    -- The channel has changed and the warehouse has not: it still has the old name.
    select
        p.channel_system,
        p.warehouse_system,
        l.new_sku,
        l.old_sku,
        2 as rank
    from pairs as p
    inner join latest as l on l.system = p.channel_system
    where not exists (
        select 1
        from latest as w
        where w.system = p.warehouse_system and w.old_sku = l.old_sku
    )
)

select
    channel_system,
    warehouse_system,
    channel_sku,
    arg_min(warehouse_sku, rank || warehouse_sku) as warehouse_sku
from named
group by channel_system, warehouse_system, channel_sku
