-- Money taken for orders, made once each with its order's row in the order book.
select
    payment_key,
    order_key,
    system,
    payment_id,
    amount,
    currency,
    gateway,
    processed_at,
    read_at
from {{ ref('payments') }}
where kind_code in ('sale', 'capture') and status_code = 'success'
