-- Warehouse orders that live side by side for one order: the same reference twice (with or without its #), or the whole
-- order beside one of its parts. Cancelled, merged and refunded ones ship nothing.
with live as (
    select
        warehouse_order_key,
        created_at,
        reference,
        upper(ltrim(
            {{ base_reference('reference') }}, '# '
        )) as whole_reference
    from {{ ref('warehouse_records') }}
    where status_code not in ('cancelled', 'merged', 'refunded') and gone_at is null and reference is not null
),

doubled as (
    select whole_reference
    from live
    group by whole_reference
    having
        count(*) > 1
        and (
            bool_or(upper(ltrim(reference, '# ')) = whole_reference)
            or count(*) > len(list_distinct(list(ltrim(reference, '# '))))
        )
),

ranked as (
    select
        l.whole_reference,
        wo.warehouse_order_id,
        wo.warehouse_order_key,
        wo.order_key,
        wo.system,
        wo.created_at,
        wo.currency,
        wo.total_amount,
        wo.url,
        row_number() over (partition by l.whole_reference order by l.created_at, l.warehouse_order_key) as rank
    from live as l
    inner join doubled as d on d.whole_reference = l.whole_reference
    inner join {{ ref('warehouse_orders') }} as wo on wo.warehouse_order_key = l.warehouse_order_key
),

candidates as (
    select
        whole_reference as exception_key,
        'same_reference' as cause,
        min(system) as system,
        coalesce(min(order_key), min(warehouse_order_key)) as entity_key,
        min(created_at) filter (where rank = 2) as since_at,
        case when count(distinct currency) <= 1 then sum(total_amount) filter (where rank > 1) end as amount,
        min(currency) as currency,
        whole_reference || ' is there as ' || string_agg(warehouse_order_id, ', ' order by rank) as detail,
        max(url) filter (where rank = 2) as url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from ranked
    group by whole_reference
),

{{ when_due('candidates') }}
