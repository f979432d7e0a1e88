-- Now, as far as any model knows. The connection says what it is; a view that is read without it is an error.
{% macro as_of() -%}
    coalesce(nullif(getvariable('as_of')::varchar, '')::timestamptz, error('as_of is not set')::timestamptz)
{%- endmacro %}

-- The day an instant falls on where the retailer trades.
{% macro local_day(instant) -%}
    cast(timezone((select any_value(value) from {{ source('estate', 'settings') }} where name = 'time_zone'), {{ instant }}) as date)
{%- endmacro %}

-- An instant as the clock on the wall shows it where the retailer trades.
{% macro local_time(instant) -%}
    timezone((select any_value(value) from {{ source('estate', 'settings') }} where name = 'time_zone'), {{ instant }})
{%- endmacro %}

-- A duration setting of the estate, as an interval.
{% macro setting_seconds(name) -%}
    to_seconds((select any_value(value) from {{ source('estate', 'settings') }} where name = '{{ name }}')::bigint)
{%- endmacro %}

-- The causes of this rule, each with the window its metadata gives (its own, or the rule's); '' is the rule itself.
{% macro rule_causes() -%}
    {%- set meta = model.config.meta or {} -%}
    {%- set causes = meta.get('causes') or {} -%}
    {%- set window = meta.get('window') or {'hours': 0} -%}
    {%- set kind = 'warehouse_hours' if 'warehouse_hours' in window else 'hours' -%}
    {%- set rows = ["('', '" ~ kind ~ "', " ~ (((window[kind] | float) * 3600) | round(0) | int) ~ ", false)"] -%}
    {%- for cause in causes -%}
        {%- set window = (causes[cause] or {}).get('window') or meta.get('window') or {'hours': 0} -%}
        {%- set kind = 'warehouse_hours' if 'warehouse_hours' in window else 'hours' -%}
        {%- set seconds = ((window[kind] | float) * 3600) | round(0) | int -%}
        {%- set own = 'window' in (causes[cause] or {}) -%}
        {%- do rows.append("('" ~ cause ~ "', '" ~ kind ~ "', " ~ seconds ~ ", " ~ ('true' if own else 'false') ~ ")") -%}
    {%- endfor -%}
    values {{ rows | join(', ') }}
{%- endmacro %}

-- The last step of every rule: give each candidate row its due instant and keep what is due.
--
-- `candidates` has the columns of a rule except due_at, and `facility` (null: the whole retailer's opening hours). The
-- window is the estate's for rule.cause, else for the rule, else the metadata's. A window of warehouse hours runs only
-- while the facility is open: the due instant is where the facility's count of open seconds has grown by the window.
{% macro when_due(candidates) %}
due_windows as (
    select
        d.cause,
        coalesce(of_cause.kind, case when not d.is_own then of_rule.kind end, d.kind) as kind,
        case
            when coalesce(of_cause.seconds, case when not d.is_own then of_rule.seconds end, d.seconds) > 0 then
                greatest(
                    coalesce(of_cause.seconds, case when not d.is_own then of_rule.seconds end, d.seconds),
                    (select any_value(value)::bigint from {{ source('estate', 'settings') }} where name = 'shortest_window_s')
                )
            else 0
        end as seconds
    from ({{ rule_causes() }}) as d (cause, kind, seconds, is_own)
    left join {{ source('estate', 'windows') }} as of_cause on of_cause.rule = '{{ model.name }}.' || d.cause
    left join {{ source('estate', 'windows') }} as of_rule on of_rule.rule = '{{ model.name }}'
),

-- No opening hours make a window shorter than its plain length, so what is younger than that is left out at once.
due_aged as (
    select
        c.*,
        coalesce(w.kind, d.kind) as window_kind,
        coalesce(w.seconds, d.seconds) as window_seconds
    from {{ candidates }} as c
    inner join due_windows as d on d.cause = ''
    left join due_windows as w on w.cause = c.cause
    where c.since_at + to_seconds(coalesce(w.seconds, d.seconds)) <= {{ as_of() }}
),

due_opened as (
    select
        a.*,
        h.open_before_s * 1000000
        + least(epoch_us(a.since_at) - epoch_us(h.opens_at), epoch_us(h.closes_at) - epoch_us(h.opens_at))
        + a.window_seconds * 1000000 as due_position
    from (select *, coalesce(facility, '') as hours_of from due_aged where window_kind = 'warehouse_hours') as a
    asof left join {{ source('estate', 'open_hours') }} as h on a.hours_of = h.facility and a.since_at >= h.opens_at
),

due_judged as (
    select
        * exclude (window_kind, window_seconds, facility),
        since_at + to_seconds(window_seconds) as due_at
    from due_aged
    where window_kind = 'hours'
    union all by name
    select
        o.* exclude (window_kind, window_seconds, facility, hours_of, due_position),
        greatest(
            o.since_at,
            coalesce(
                h.opens_at + to_microseconds(o.due_position - h.open_before_us),
                o.since_at + to_seconds(o.window_seconds)
            )
        ) as due_at
    from due_opened as o
    asof left join (
        select
            *,
            open_before_s * 1000000 as open_before_us
        from {{ source('estate', 'open_hours') }}
    ) as h on o.hours_of = h.facility and o.due_position > h.open_before_us
)

select
    exception_key::varchar as exception_key,
    cause::varchar as cause,
    system::varchar as system,
    entity_key::varchar as entity_key,
    since_at::timestamptz as since_at,
    due_at::timestamptz as due_at,
    amount::decimal(18, 4) as amount,
    currency::varchar as currency,
    detail::varchar as detail,
    url::varchar as url,
    ended_at::timestamptz as ended_at
from due_judged
where due_at <= {{ as_of() }}
{% endmacro %}

-- Since when a higher level must have stood before it is passed on.
{% macro interval_start() -%}
    ({{ as_of() }} - {{ setting_seconds('stock_increase_interval_s') }})
{%- endmacro %}

-- The instant a day begins where the retailer trades.
{% macro start_of_day(day) -%}
    timezone(
        (select any_value(value) from {{ source('estate', 'settings') }} where name = 'time_zone'),
        cast({{ day }} as timestamp)
    )
{%- endmacro %}
