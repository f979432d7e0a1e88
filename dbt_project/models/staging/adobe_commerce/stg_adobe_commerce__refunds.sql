-- A credit memo is a refund once the money is given back: one that is open or cancelled is none.
select
    c.system || ':' || c.entity_id as refund_key,
    c.system,
    c.entity_id::varchar as refund_id,
    c.system || ':' || c.order_id as order_key,
    timezone('UTC', c.created_at) as refunded_at,
    c.base_grand_total::decimal(18, 4) as amount,
    c.base_currency_code as currency,
    null::varchar as return_id,
    list_filter(list_transform(c.comments, lambda n: nullif(trim(n.comment), '')), lambda n: n is not null)[-1] as note,
    (coalesce(c.base_adjustment_positive, 0) - coalesce(c.base_adjustment_negative, 0))::decimal(18, 4)
        as adjustment_amount
from {{ source('adobe_commerce', 'creditmemos') }} as c
where c._gone_at is null and coalesce(c.state, 2) not in (1, 3)
