-- A return's moves may take the same goods from the customer to the dock and from the dock to the shelf: each way is
-- summed by itself, and the fullest is what comes back.
with moved as (
    select
        r.system,
        r.id as return_id,
        r.state in ('received', 'done') as is_back,
        unnest(r.moves) as move_id
    from {{ source('fulfil', 'returns') }} as r
    where r.state is distinct from 'cancel' and r._gone_at is null
),

ways as (
    select
        v.system,
        v.return_id,
        v.is_back,
        nullif(trim(m."product.code"), '') as sku,
        m.from_location,
        sum(m.quantity) as qty,
        sum(m.quantity) filter (where v.is_back or m.state = 'done') as received_qty
    from moved as v
    inner join {{ source('fulfil', 'moves') }} as m on m.system = v.system and m.id = v.move_id
    where m.state <> 'cancel'
    group by all
)

select
    system || ':' || return_id as return_key,
    sku,
    max(qty)::bigint as qty,
    coalesce(max(received_qty), 0)::bigint as received_qty
from ways
group by system, return_id, sku
