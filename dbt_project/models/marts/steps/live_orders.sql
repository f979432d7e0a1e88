-- Channel orders something can still go wrong with.
select * exclude (basket_fingerprint, twin_hash, read_at, stamped_at)
from {{ ref('order_book') }}
where
    order_key in (select order_key from {{ ref('watched_orders') }})
    or order_key in (select order_key from {{ ref('orders_at_warehouse') }} where order_key is not null)
