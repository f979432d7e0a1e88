-- The orders that the system which owns finance has, whatever its role: one that runs facilities has them in the warehouse
-- book, one that runs none in a book of its own. Both are steps, so nothing is read twice. The channel order is found by
-- the reference; should two share a number, it means the first.
with finance as (
    select distinct system
    from {{ source('estate', 'truth') }}
    where entity = 'finance'
),

known as (
    select
        order_name,
        arg_min(order_key, placed_at) as order_key
    from {{ ref('order_book') }}
    where order_name in (select base_reference from {{ ref('erp_book') }})
    group by order_name
)

select
    w.warehouse_order_key as booked_key,
    w.system,
    'warehouse' as role,
    n.order_key,
    w.reference,
    w.status_code,
    w.created_at,
    w.updated_at,
    w.currency,
    w.total_amount,
    w.url
from {{ ref('warehouse_book') }} as w
inner join {{ ref('warehouse_names') }} as n on n.warehouse_order_key = w.warehouse_order_key
where w.system in (select system from finance) and w.gone_at is null
union all
select
    e.erp_order_key,
    e.system,
    'erp',
    k.order_key,
    e.reference,
    e.status_code,
    e.created_at,
    e.updated_at,
    e.currency,
    e.total_amount,
    e.url
from {{ ref('erp_book') }} as e
left join known as k on k.order_name = e.base_reference
where e.system in (select system from finance) and e.gone_at is null
