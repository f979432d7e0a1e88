-- Warehouse orders that live side by side for one order: the same reference twice (with or without its #), or the whole
-- order beside one of its parts, with more units than were ordered. Cancelled, merged and refunded ones ship nothing.
with live as (
    select
        warehouse_order_key,
        system,
        created_at,
        reference,
        upper(ltrim(base_reference, '# ')) as whole_reference
    from {{ ref('warehouse_book') }}
    where status_code not in ('cancelled', 'merged', 'refunded') and gone_at is null and reference is not null
),

several as materialized (
    select *
    from live
    where whole_reference in (select whole_reference from live group by whole_reference having count(*) > 1)
),

-- Somebody who splits one order into several records of its number doubles nothing: only units beyond the order's are
-- sent twice. A number no shop knows may have one record.
named as (
    select distinct
        s.whole_reference,
        n.order_key
    from several as s
    inner join {{ ref('warehouse_names') }} as n
        on n.warehouse_order_key = s.warehouse_order_key and n.order_key is not null
),

ordered as (
    select
        n.whole_reference,
        l.system,
        coalesce(b.component_sku, l.sku) as sku,
        sum(greatest(l.ordered_qty, l.current_qty) * coalesce(b.qty, 1)) as qty
    from named as n
    inner join {{ ref('order_line_book') }} as l on l.order_key = n.order_key
    left join {{ ref('bundle_components') }} as b on b.parent_sku = l.sku
    group by all
),

there as (
    select
        v.whole_reference,
        coalesce(c.channel_sku, l.sku) as sku,
        sum(l.qty) as qty
    from several as v
    inner join {{ ref('warehouse_line_book') }} as l on l.warehouse_order_key = v.warehouse_order_key
    left join (
        select distinct on (o.whole_reference, n.warehouse_system, n.warehouse_sku)
            o.whole_reference,
            n.warehouse_system,
            n.warehouse_sku,
            n.channel_sku
        from ordered as o
        inner join {{ ref('sku_names') }} as n on n.channel_system = o.system and n.channel_sku = o.sku
    ) as c on c.whole_reference = v.whole_reference and c.warehouse_system = v.system and c.warehouse_sku = l.sku
    group by all
),

beyond as (
    select t.whole_reference
    from there as t
    left join (
        select
            whole_reference,
            sku,
            sum(qty) as qty
        from ordered
        group by whole_reference, sku
    ) as o on o.whole_reference = t.whole_reference and o.sku = t.sku
    where t.qty > coalesce(o.qty, 0)
),

doubled as (
    select l.whole_reference
    from several as l
    where
        l.whole_reference in (select whole_reference from beyond)
        or l.whole_reference not in (select whole_reference from named)
    group by l.whole_reference
    having
        count(*) > count(distinct ltrim(l.reference, '# '))
        or bool_or(upper(ltrim(l.reference, '# ')) = l.whole_reference)
),

ranked as (
    select
        l.whole_reference,
        w.warehouse_order_id,
        w.warehouse_order_key,
        w.system,
        w.created_at,
        w.currency,
        w.total_amount,
        w.url,
        row_number() over (partition by l.whole_reference order by l.created_at, l.warehouse_order_key) as rank
    from several as l
    inner join doubled as d on d.whole_reference = l.whole_reference
    inner join {{ ref('warehouse_book') }} as w on w.warehouse_order_key = l.warehouse_order_key
),

candidates as (
    select
        r.whole_reference as exception_key,
        'same_reference' as cause,
        min(r.system) as system,
        coalesce(
            (select min(n.order_key) from named as n where n.whole_reference = r.whole_reference),
            min(r.warehouse_order_key)
        ) as entity_key,
        min(r.created_at) filter (where r.rank = 2) as since_at,
        case when count(distinct r.currency) <= 1 then sum(r.total_amount) filter (where r.rank > 1) end as amount,
        min(r.currency) as currency,
        r.whole_reference || ' is there as ' || string_agg(r.warehouse_order_id, ', ' order by r.rank) as detail,
        max(r.url) filter (where r.rank = 2) as url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from ranked as r
    group by r.whole_reference
),

{{ when_due('candidates') }}
