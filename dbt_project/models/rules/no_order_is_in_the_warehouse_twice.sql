-- Warehouse orders that live side by side for one order: the same reference twice (with or without its #), or the whole
-- order beside one of its parts. Cancelled, merged and refunded ones ship nothing.
with live as (
    select
        warehouse_order_key,
        created_at,
        reference,
        upper(ltrim(base_reference, '# ')) as whole_reference
    from {{ ref('warehouse_book') }}
    where status_code not in ('cancelled', 'merged', 'refunded') and gone_at is null and reference is not null
),

several as (
    select whole_reference
    from live
    group by whole_reference
    having count(*) > 1
),

doubled as (
    select l.whole_reference
    from live as l
    inner join several as s on s.whole_reference = l.whole_reference
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
    from live as l
    inner join doubled as d on d.whole_reference = l.whole_reference
    inner join {{ ref('warehouse_book') }} as w on w.warehouse_order_key = l.warehouse_order_key
),

named as (
    select
        d.whole_reference,
        arg_min(o.order_key, o.placed_at) as order_key
    from doubled as d
    inner join {{ ref('order_book') }} as o on upper(ltrim(o.order_name, '# ')) = d.whole_reference
    group by d.whole_reference
),

candidates as (
    select
        r.whole_reference as exception_key,
        'same_reference' as cause,
        min(r.system) as system,
        coalesce(min(n.order_key), min(r.warehouse_order_key)) as entity_key,
        min(r.created_at) filter (where r.rank = 2) as since_at,
        case when count(distinct r.currency) <= 1 then sum(r.total_amount) filter (where r.rank > 1) end as amount,
        min(r.currency) as currency,
        r.whole_reference || ' is there as ' || string_agg(r.warehouse_order_id, ', ' order by r.rank) as detail,
        max(r.url) filter (where r.rank = 2) as url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from ranked as r
    left join named as n on n.whole_reference = r.whole_reference
    group by r.whole_reference
),

{{ when_due('candidates') }}
