with first_sources as (
    select
        l.system,
        arg_min(l.source_code, lpad(l.priority::varchar, 12, '0') || l.source_code) as source_code
    from {{ source('adobe_commerce', 'stock_source_links') }} as l
    inner join {{ source('adobe_commerce', 'sources') }} as s on s.system = l.system and s.source_code = l.source_code
    where s.enabled and l._gone_at is null and s._gone_at is null
    group by l.system
),

lines as (
    select
        system,
        entity_id,
        state,
        items,
        extension_attributes.pickup_location_code as pickup_location_code,
        unnest(goods) as goods
    from ({{ adobe_commerce_orders() }})
    where _gone_at is null
),

named as (
    select
        *,
        goods.item as line,
        case
            when goods.item.product_type = 'configurable'
                then list_filter(items, lambda i: i.parent_item_id = goods.item.item_id)[1].sku
        end as child_sku
    from lines
)

select
    o.system || ':' || o.line.item_id as fulfilment_order_line_key,
    o.system || ':' || o.entity_id as fulfilment_order_key,
    o.line.item_id::varchar as fulfilment_order_line_id,
    o.entity_id::varchar as fulfilment_order_id,
    o.system || ':' || o.entity_id as order_key,
    o.system || ':' || o.line.item_id as order_line_key,
    coalesce(nullif(trim(o.pickup_location_code), ''), f.source_code) as location_id,
    coalesce(nullif(trim(o.child_sku), ''), nullif(trim(o.line.sku), '')) as sku,
    o.goods.qty::bigint as total_qty,
    case when o.state in ('canceled', 'closed') then 0 else o.goods.waiting end::bigint as remaining_qty
from named as o
left join first_sources as f on f.system = o.system
