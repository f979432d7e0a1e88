-- Orders the channel shows as further sent than the warehouse has sent them: the customer was told too early.
with unsent as (
    select distinct
        order_key,
        system
    from {{ ref('unsent_lines') }}
    where order_key is not null
),

told as (
    select
        f.order_key,
        coalesce(n.warehouse_sku, b.component_sku, ol.sku) as sku,
        sum(f.qty * coalesce(b.qty, 1)) as qty,
        max(f.created_at) as told_at
    from unsent as u
    inner join {{ ref('told_units') }} as f on f.order_key = u.order_key and f.status_code = 'success'
    inner join {{ ref('live_lines') }} as ol on ol.order_line_key = f.order_line_key
    left join {{ ref('bundle_components') }} as b on b.parent_sku = ol.sku
    left join {{ ref('sku_names') }} as n
        on n.channel_system = f.system and n.warehouse_system = u.system
        and n.channel_sku = coalesce(b.component_sku, ol.sku)
    group by 1, 2
),

sent as (
    select
        order_key,
        sku,
        sum(qty) as qty
    from {{ ref('parcel_lines') }}
    where order_key in (select order_key from told)
    group by order_key, sku
),

early as (
    select
        t.order_key,
        max(t.told_at) as told_at,
        string_agg(t.sku || ' told ' || t.qty || ', sent ' || coalesce(s.qty, 0), '; ' order by t.sku) as detail
    from told as t
    left join sent as s on s.order_key = t.order_key and s.sku = t.sku
    where t.qty > coalesce(s.qty, 0)
    group by t.order_key
),

candidates as (
    select
        e.order_key as exception_key,
        case when o.fulfilment_code = 'fulfilled' then 'fulfilled_early' else 'part_fulfilled_early' end as cause,
        o.system,
        e.order_key as entity_key,
        e.told_at as since_at,
        o.total_amount as amount,
        o.currency,
        o.order_name || ': ' || e.detail as detail,
        o.url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from early as e
    inner join {{ ref('live_orders') }} as o on o.order_key = e.order_key
),

{{ when_due('candidates') }}
