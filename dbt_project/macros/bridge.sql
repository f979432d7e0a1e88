-- A vendor's error text without what may be a person's: bodies, quoted phrases, what stands behind a personal field's name,
-- e-mail addresses, telephone numbers and postcodes. A name that stands free among the words cannot be told from them.
{% macro redacted(text) -%}
    left(
        {%- set patterns = [
            ('[{<].*[}>]', '[body]', 's'),
            ('"[^"]*\\s[^"]*"', '"…"', 'g'),
            ("''[^'']*\\s[^'']*''", "''…''", 'g'),
            ('\\b((?:first|last|full|customer|company)?[_ ]?name|customer|recipient|address\\d?|line ?[12]|street|city|phone|telephone|e-?mail)(\\s*[:=]\\s*)[^,;|]+', '\\1\\2…', 'gi'),
            ('[\\w.+-]+@[\\w-]+(?:\\.[\\w-]+)+', '[e-mail]', 'g'),
            ('(?:\\+|\\b0)\\d(?:[ ()-]?\\d){7,}', '[telephone]', 'g'),
            ('\\b[A-Za-z]{1,2}\\d[A-Za-z\\d]? ?\\d[A-Za-z]{2}\\b', '[postcode]', 'g'),
        ] -%}
        {%- for _ in patterns -%}regexp_replace({%- endfor -%}
        {{ text }}
        {%- for pattern, with, how in patterns -%}
        , '{{ pattern }}', '{{ with }}', '{{ how }}')
        {%- endfor -%}
    , 300)
{%- endmacro %}

-- What became of failures afterwards. `retried`: a run -> when a retry of it, or a retry of that, succeeded. `moved`: a
-- flow and a reference -> when a run of the flow that succeeded last said to have moved it. `failures`: each with whether
-- it was recovered so. To be used in `with recursive`.
{% macro later_successes() -%}
chain as (
    select
        retry_of_key as run_key,
        flow_run_key as retry_key,
        status_code,
        coalesce(finished_at, started_at) as end_at
    from {{ ref('flow_runs') }}
    where retry_of_key is not null
    union
    select
        c.run_key,
        r.flow_run_key,
        r.status_code,
        coalesce(r.finished_at, r.started_at)
    from chain as c
    inner join {{ ref('flow_runs') }} as r on r.retry_of_key = c.retry_key
),

retried as (
    select
        run_key,
        min(end_at) as end_at
    from chain
    where status_code = 'succeeded'
    group by run_key
),

said as (
    select
        flow_key,
        unnest(order_references) as reference,
        coalesce(finished_at, started_at) as end_at
    from {{ ref('flow_runs') }}
    where status_code = 'succeeded'
),

moved as (
    select
        flow_key,
        reference,
        max(end_at) as end_at
    from said
    group by flow_key, reference
),

failed as (
    select
        f.*,
        r.flow_key,
        r.url,
        t.end_at as retried_at
    from {{ ref('flow_failures') }} as f
    inner join {{ ref('flow_runs') }} as r on r.flow_run_key = f.flow_run_key
    left join retried as t on t.run_key = f.flow_run_key
),

named as (
    select
        failure_key,
        flow_key,
        failed_at,
        unnest(list_distinct(payload_references)) as reference
    from failed
),

came_through as (
    select
        n.failure_key,
        count(*) as how_many
    from named as n
    inner join moved as m on m.flow_key = n.flow_key and m.reference = n.reference and m.end_at > n.failed_at
    group by n.failure_key
),

-- A payload is recovered when its run was retried well, or when everything it names was moved since.
failures as (
    select
        f.*,
        f.retried_at is not null
        or coalesce(c.how_many = len(list_distinct(f.payload_references)), false) as is_recovered
    from failed as f
    left join came_through as c on c.failure_key = f.failure_key
)
{%- endmacro %}
