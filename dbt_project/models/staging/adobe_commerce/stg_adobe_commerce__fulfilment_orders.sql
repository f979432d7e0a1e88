-- The shop assigns no order to a source before it is shipped: it is the one the customer picks up at, else the first
-- enabled source of the stock by priority, as the shop itself would propose.
with first_sources as (
    select
        l.system,
        arg_min(l.source_code, lpad(l.priority::varchar, 12, '0') || l.source_code) as source_code
    from {{ source('adobe_commerce', 'stock_source_links') }} as l
    inner join {{ source('adobe_commerce', 'sources') }} as s on s.system = l.system and s.source_code = l.source_code
    where s.enabled and l._gone_at is null and s._gone_at is null
    group by l.system
),

orders as (
    {{ adobe_commerce_orders() }}
),

counted as (
    select
        *,
        coalesce(list_sum(list_transform(goods, lambda g: g.waiting)), 0) as waiting,
        coalesce(list_sum(list_transform(goods, lambda g: g.sent)), 0) as sent
    from orders
    where _gone_at is null
)

select
    o.system || ':' || o.entity_id as fulfilment_order_key,
    o.system,
    o.entity_id::varchar as fulfilment_order_id,
    o.system || ':' || o.entity_id as order_key,
    coalesce(nullif(trim(o.extension_attributes.pickup_location_code), ''), f.source_code) as location_id,
    case
        when o.state = 'canceled' then 'cancelled'
        when o.state in ('complete', 'closed') then 'closed'
        when o.state in ('holded', 'payment_review') then 'on_hold'
        when o.state in ('new', 'pending_payment', 'processing') then
            case when o.waiting = 0 then 'closed' when o.sent > 0 then 'in_progress' else 'open' end
        else 'unknown'
    end as status_code,
    timezone('UTC', o.created_at) as created_at,
    timezone('UTC', o.updated_at) as updated_at
from counted as o
left join first_sources as f on f.system = o.system
where len(o.goods) > 0
