-- A source holds what lies on the shelf; what of it is sold and not shipped the shop reserves, and tells only by what can
-- still be sold of all the sources together. Reservations belong to no source: they are counted at the stock's first one,
-- from which the shop would ship. Available is what lies there less them.
-- A source item set out of stock although something lies there was somebody's decision; at nothing it is the shop's own.
with linked as (
    select
        l.system,
        l.source_code,
        row_number() over (partition by l.system order by l.priority, l.source_code) as place
    from {{ source('adobe_commerce', 'stock_source_links') }} as l
    inner join {{ source('adobe_commerce', 'sources') }} as s on s.system = l.system and s.source_code = l.source_code
    where s.enabled and l._gone_at is null and s._gone_at is null
),

lying as (
    select
        i.system,
        i.sku,
        sum(i.quantity) filter (where i.status = 1) as quantity
    from {{ source('adobe_commerce', 'source_items') }} as i
    inner join linked as l on l.system = i.system and l.source_code = i.source_code
    where i._gone_at is null
    group by i.system, i.sku
),

reserved as (
    select
        y.system,
        y.sku,
        ceil(coalesce(y.quantity, 0) - s.qty)::bigint as qty
    from lying as y
    inner join {{ source('adobe_commerce', 'salable') }} as s on s.system = y.system and s.sku = y.sku
    where s._gone_at is null
)

select
    i.system || ':' || i.sku || ':' || i.source_code as channel_stock_key,
    i.system,
    i.source_code as location_id,
    case when trim(i.sku) <> '' then i.sku end as sku,
    i.sku as item_id,
    floor(i.quantity)::bigint - case when l.place = 1 then coalesce(r.qty, 0) else 0 end as available_qty,
    case when l.place = 1 then coalesce(r.qty, 0) else 0 end as committed_qty,
    floor(i.quantity)::bigint as on_hand_qty,
    null::timestamptz as updated_at,
    i._read_at as read_at,
    i.status = 1 or i.quantity <= 0 as is_active
from {{ source('adobe_commerce', 'source_items') }} as i
left join linked as l on l.system = i.system and l.source_code = i.source_code
left join reserved as r on r.system = i.system and r.sku = i.sku
where i._gone_at is null
