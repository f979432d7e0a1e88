-- Orders a flow said to have moved and the warehouse has no record of. Only a flow that the estate names as the one which
-- did a sync's work before, or carries it now, is known to move orders there; its own word for an order is the reference it
-- tracked.
with writers as (
    select
        f.flow_key,
        f.name
    from {{ source('estate', 'syncs') }} as s
    inner join {{ ref('flows') }} as f
        on
            (f.system = s.was_system and s.was_flow in (f.flow_id, f.name))
            or (f.system = s.via_system and s.via_flow = f.flow_id)
    where s.sync = 'orders_to_wms'
),

said as (
    select
        r.system,
        r.flow_key,
        w.name,
        unnest(r.order_references) as reference,
        coalesce(r.finished_at, r.started_at) as end_at,
        r.url
    from {{ ref('flow_runs') }} as r
    inner join writers as w on w.flow_key = r.flow_key
    where r.status_code = 'succeeded' and r.started_at >= {{ as_of() }} - to_days({{ var('flow_days') }})
),

moved as (
    select
        system,
        flow_key,
        ltrim(reference, '#') as reference,
        min(reference) as told,
        any_value(name) as name,
        min(end_at) as end_at,
        arg_max(url, end_at) as url
    from said
    group by system, flow_key, ltrim(reference, '#')
),

there as (
    select distinct unnest([ltrim(reference, '#'), ltrim(base_reference, '#')]) as reference
    from {{ ref('warehouse_book') }}
    where gone_at is null
),

orders as (
    select
        ltrim(order_name, '#') as reference,
        any_value(total_amount) as total_amount,
        any_value(currency) as currency,
        bool_and(cancelled_at is not null or is_test) as is_over
    from {{ ref('order_book') }}
    where order_name is not null
    group by ltrim(order_name, '#')
),

candidates as (
    select
        m.flow_key || ':' || m.reference as exception_key,
        'not_at_target' as cause,
        m.system,
        m.flow_key as entity_key,
        m.end_at as since_at,
        o.total_amount as amount,
        o.currency,
        m.name || ' says it moved ' || m.told || ', and the warehouse has no such order' as detail,
        m.url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from moved as m
    left join orders as o on o.reference = m.reference
    where not coalesce(o.is_over, false) and not exists (select 1 from there as t where t.reference = m.reference)
),

{{ when_due('candidates') }}
