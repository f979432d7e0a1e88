-- How many whole units there are, rounded towards the smaller also below nothing.
{% macro floor_div(qty, per_unit) -%}
    ({{ qty }} - (({{ qty }} % {{ per_unit }}) + {{ per_unit }}) % {{ per_unit }}) // {{ per_unit }}
{%- endmacro %}

-- Up to when each warehouse's catalogue can be spoken for beside each shop's: what a shop has listed or sold by then, and
-- the warehouse has not shown, it does not know. A list shows everything; one that is asked SKU by SKU shows only what we
-- had read in the shop when it was asked.
{% macro catalogue_readings() %}
with reading as (
    select
        f.system,
        f.stream,
        coalesce(f.is_asked_by_name, false) as is_asked_by_name,
        least(p.started_at, p.window_to) as read_at,
        p.finished_at
    from {{ source('estate', 'feeds') }} as f
    inner join {{ source('ops', 'pulls') }} as p
        on p.system = f.system and p.stream = f.stream and p.is_complete and p.kind in ('full', 'increment', 'bulk')
    where f.entity = 'products'
),

latest as (
    select
        system,
        min(read_at) as read_at,
        bool_or(is_asked_by_name) as is_asked_by_name
    from (
        select
            system,
            stream,
            max(read_at) as read_at,
            bool_or(is_asked_by_name) as is_asked_by_name
        from reading
        group by system, stream
    )
    group by system
),

pairs as (
    select
        w.system as warehouse_system,
        c.system as channel_system,
        l.read_at,
        l.is_asked_by_name
    from {{ source('estate', 'systems') }} as w
    inner join {{ source('estate', 'systems') }} as c on c.role = 'channel'
    inner join latest as l on l.system = w.system
    where w.role = 'warehouse'
),

listed as (
    select
        p.warehouse_system,
        p.channel_system,
        r.stream,
        max(r.read_at) as read_at
    from pairs as p
    inner join reading as r on r.system = p.channel_system and r.finished_at <= p.read_at
    where p.is_asked_by_name
    group by p.warehouse_system, p.channel_system, r.stream
)

select
    p.warehouse_system,
    p.channel_system,
    case
        when p.is_asked_by_name then coalesce(min(l.read_at), '-infinity'::timestamptz)
        else any_value(p.read_at)
    end as known_to
from pairs as p
left join listed as l on l.warehouse_system = p.warehouse_system and l.channel_system = p.channel_system
group by p.warehouse_system, p.channel_system, p.is_asked_by_name
{% endmacro %}
