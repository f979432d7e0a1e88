with returns as (
    select
        system,
        unnest(returns) as r
    from {{ source('veeqo', 'orders') }}
),

lines as (
    select
        system,
        r.id as return_id,
        unnest(r.line_items) as line
    from returns
)

select
    system || ':' || return_id as return_key,
    case when trim(line.sku_code) <> '' then line.sku_code end as sku,
    sum(line.quantity)::bigint as qty,
    sum(line.received_quantity)::bigint as received_qty
from lines
group by all
