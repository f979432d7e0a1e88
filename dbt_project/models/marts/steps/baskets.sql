-- Each order's basket in one word, made once: only orders read since the last time are looked at (rules/steps.py).
select
    order_key,
    customer_key,
    placed_at,
    hash(customer_key, basket_fingerprint) as twin_hash,
    basket_fingerprint,
    read_at
from {{ ref('orders') }}
where customer_key is not null and basket_fingerprint is not null and not coalesce(is_test, false)
