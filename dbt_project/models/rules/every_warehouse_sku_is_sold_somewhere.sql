-- Stock on a shelf that nobody can buy: no channel lists its SKU, alone or in a bundle, or only switched off.
with kept as (
    select
        i.item_key,
        i.system,
        i.sku,
        i.updated_at,
        i.url,
        sum(s.available_qty) as available_qty,
        min(s.facility) as facility
    from {{ ref('items') }} as i
    inner join {{ ref('stock') }} as s on s.system = i.system and s.item_id = i.item_id
    where i.role = 'warehouse' and i.is_active and i.sku is not null
    group by i.item_key, i.system, i.sku, i.updated_at, i.url
    having sum(s.available_qty) > 0
),

listed as (
    select
        coalesce(n.warehouse_system, w.system) as warehouse_system,
        coalesce(n.warehouse_sku, b.component_sku, i.sku) as sku,
        bool_or(coalesce(i.is_active, false)) as is_active
    from {{ ref('items') }} as i
    cross join (select system from {{ source('estate', 'systems') }} where role = 'warehouse') as w
    left join {{ ref('bundle_components') }} as b on b.parent_sku = i.sku
    left join {{ ref('sku_names') }} as n
        on n.channel_system = i.system and n.warehouse_system = w.system and n.channel_sku = coalesce(b.component_sku, i.sku)
    where i.role = 'channel' and i.sku is not null
    group by 1, 2
),

candidates as (
    select
        k.item_key as exception_key,
        case when l.sku is null then 'not_listed' else 'listing_inactive' end as cause,
        k.system,
        k.item_key as entity_key,
        k.updated_at as since_at,
        null::decimal(18, 4) as amount,
        null::varchar as currency,
        k.sku || ': ' || k.available_qty || ' available' as detail,
        k.url,
        null::timestamptz as ended_at,
        k.facility
    from kept as k
    left join listed as l on l.warehouse_system = k.system and l.sku = k.sku
    where not coalesce(l.is_active, false)
),

{{ when_due('candidates') }}
