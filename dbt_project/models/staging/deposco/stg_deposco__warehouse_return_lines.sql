with lines as (
    select
        system,
        self.id as return_id,
        unnest("orderLines".data) as line
    from {{ source('deposco', 'customer_returns') }}
    where coalesce("orderStatus", status) is distinct from 'Canceled' and _gone_at is null
)

select
    system || ':' || return_id as return_key,
    case when trim(line.item."businessKey".number) <> '' then line.item."businessKey".number end as sku,
    round(sum(coalesce(line."orderPackQuantity", 0) * coalesce(line.pack."businessKey".quantity, 1)))::bigint as qty,
    round(sum(coalesce(line."receivedPackQuantity", 0) * coalesce(line.pack."businessKey".quantity, 1)))::bigint
        as received_qty
from lines
group by all
