-- SKUs that can be bought and that no warehouse knows by exactly that name. The nearest name is shown to a person; stock is
-- never written and orders are never sent by it. What was listed since a warehouse's catalogue was read may have come into
-- it as well: it is missing once that was read again, and stays so whatever else is changed of it in the shop.
with catalogue_readings as ({{ catalogue_readings() }}),

sold as (
    select *
    from {{ ref('items') }}
    where role = 'channel' and is_active and coalesce(is_tracked, true)
),

needed as (
    select
        s.*,
        b.component_sku,
        coalesce(b.component_sku, s.sku) as needed_sku
    from sold as s
    left join {{ ref('bundle_components') }} as b on b.parent_sku = s.sku
),

kept as (
    select
        system,
        sku,
        count(*) as items
    from {{ ref('items') }}
    where role = 'warehouse' and is_active and sku is not null
    group by system, sku
),

warehouses as (
    select distinct f.warehouse_system, l.system
    from {{ ref('locations') }} as l
    inner join {{ ref('facilities') }} as f on f.facility = l.facility
),

found as (
    select
        n.item_key,
        n.needed_sku,
        coalesce(max(k.items), 0) as items
    from needed as n
    inner join warehouses as w on w.system = n.system
    left join {{ ref('sku_names') }} as c
        on c.channel_system = n.system and c.warehouse_system = w.warehouse_system and c.channel_sku = n.needed_sku
    left join kept as k on k.system = w.warehouse_system and k.sku = coalesce(c.warehouse_sku, n.needed_sku)
    group by n.item_key, n.needed_sku
),

standing as (
    select distinct exception_key
    from {{ source('ops', 'exceptions') }}
    where rule = '{{ model.name }}' and state <> 'closed'
),

spoken_for as (
    select
        channel_system,
        min(known_to) as known_to
    from catalogue_readings
    where (warehouse_system, channel_system) in (select w.warehouse_system, w.system from warehouses as w)
    group by channel_system
),

faults as (
    select
        n.item_key,
        min(n.needed_sku) as needed_sku,
        min(case
            when n.sku is null then '1blank_sku'
            when f.items > 1 then '2kept_twice'
            when f.items = 0 and n.component_sku is not null then '3missing_component'
            when f.items = 0 then '4missing'
        end) as fault
    from needed as n
    left join found as f on f.item_key = n.item_key and f.needed_sku = n.needed_sku
    left join spoken_for as k on k.channel_system = n.system
    left join standing as e on e.exception_key = n.item_key
    where
        n.sku is null
        or f.items > 1
        or (f.items = 0 and (e.exception_key is not null or coalesce(n.updated_at <= k.known_to, true)))
    group by n.item_key
),

likely as (
    select
        f.item_key,
        arg_max(k.sku, jaro_winkler_similarity({{ plain_sku('f.needed_sku') }}, {{ plain_sku('k.sku') }})) as sku,
        max(jaro_winkler_similarity({{ plain_sku('f.needed_sku') }}, {{ plain_sku('k.sku') }})) as likeness
    from faults as f
    inner join kept as k on left({{ plain_sku('k.sku') }}, 2) = left({{ plain_sku('f.needed_sku') }}, 2)
    where substr(f.fault, 2) in ('missing', 'missing_component')
    group by f.item_key
),

candidates as (
    select
        f.item_key as exception_key,
        case when substr(f.fault, 2) = 'missing' and l.likeness >= 0.95 then 'near_match' else substr(f.fault, 2) end as cause,
        s.system,
        f.item_key as entity_key,
        s.updated_at as since_at,
        null::decimal(18, 4) as amount,
        null::varchar as currency,
        coalesce(s.sku, 'a variant without a SKU')
        || case when f.needed_sku <> s.sku then ' needs ' || f.needed_sku else '' end
        || case when l.likeness >= 0.8 then '; nearest is ' || l.sku else '' end as detail,
        s.url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from faults as f
    inner join sold as s on s.item_key = f.item_key
    left join likely as l on l.item_key = f.item_key
),

{{ when_due('candidates') }}
