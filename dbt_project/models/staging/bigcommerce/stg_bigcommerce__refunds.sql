-- What a gateway declined was not given back. An amount of the whole order is for no line: goodwill.
with orders as (
    select
        system,
        id,
        coalesce(nullif(default_currency_code, ''), currency_code) as currency,
        list_concat(
            flatten(list_transform(coalesce(consignments.shipping, []), lambda c: c.line_items)),
            flatten(list_transform(coalesce(consignments.pickups, []), lambda c: c.line_items)),
            flatten(list_transform(coalesce(consignments.downloads, []), lambda c: c.line_items))
        ) as lines
    from {{ source('bigcommerce', 'orders') }}
)

select
    r.system || ':' || r.id as refund_key,
    r.system,
    r.id::varchar as refund_id,
    r.system || ':' || r.order_id as order_key,
    r.created as refunded_at,
    (
        r.total_amount
        - coalesce(list_sum(list_transform(list_filter(r.payments, lambda p: p.is_declined), lambda p: p.amount)), 0)
    )::decimal(18, 4) as amount,
    o.currency,
    null::varchar as return_id,
    nullif(trim(r.reason), '') as note,
    coalesce(
        list_sum(list_transform(list_filter(r.items, lambda i: i.item_type = 'ORDER'), lambda i: i.requested_amount)), 0
    )::decimal(18, 4) as adjustment_amount
from {{ source('bigcommerce', 'refunds') }} as r
left join orders as o on o.system = r.system and o.id = r.order_id
where r._gone_at is null
