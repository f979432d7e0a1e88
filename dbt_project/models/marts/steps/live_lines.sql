-- The lines of live orders.
select * exclude (discount_amount, tax_amount, tax_code, read_at)
from {{ ref('order_line_book') }}
where order_key in (select order_key from {{ ref('live_orders') }})
