-- The books in one row: ingested is what was counted by itself, the classes what the orders add up to.
with counted as (
    select
        count(*) filter (where order_class = 'verified') as verified,
        count(*) filter (where order_class = 'waiting') as waiting,
        count(*) filter (where order_class = 'held') as held,
        count(*) filter (where order_class = 'cancelled') as cancelled,
        count(*) filter (where order_class = 'rejected') as rejected,
        count(*) filter (where order_class = 'dead') as dead,
        count(*) filter (where order_class = 'withdrawn') as withdrawn,
        count(*) filter (where order_class = 'out_of_scope') as out_of_scope,
        count(*) filter (where order_class = 'unexplained') as unexplained
    from {{ ref('books') }}
),

ingested as (
    select count(distinct order_key) as ingested
    from {{ ref('orders') }}
)

select
    i.ingested,
    c.*,
    i.ingested = c.verified + c.waiting + c.held + c.cancelled + c.rejected + c.dead + c.withdrawn + c.out_of_scope
        as is_balanced
from counted as c
cross join ingested as i
