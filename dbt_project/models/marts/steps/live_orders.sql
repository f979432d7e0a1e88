-- Channel orders something can still go wrong with, with what rules ask of them.
select
    order_key,
    system,
    order_id,
    order_name,
    placed_at,
    updated_at,
    cancelled_at,
    gone_at,
    is_test,
    currency,
    total_amount,
    payment_code,
    payment_status_raw,
    paid_at,
    fulfilment_code,
    fulfilment_status_raw,
    first_seen_at,
    customer_key,
    delivery_option,
    promised_on,
    ship_to_name,
    ship_to_last_name,
    ship_to_line1,
    ship_to_line2,
    ship_to_city,
    ship_to_postcode,
    ship_to_country_code,
    url
from {{ ref('orders') }}
where
    order_key in (select order_key from {{ ref('watched_orders') }})
    or order_key in (select order_key from {{ ref('orders_at_warehouse') }} where order_key is not null)
