-- adjustment_amount is what was given back beyond the lines and the shipping it names. Where prices include tax, so do
-- the amounts of lines and shipping. Of an order that was never paid for, nothing is given back and nothing withheld.
with refunds as (
    select
        system,
        split_part(id, '/', -1) as order_id,
        currencyCode,
        taxesIncluded,
        len(list_filter(transactions, lambda t: t.kind in ('SALE', 'CAPTURE') and t.status = 'SUCCESS')) > 0 as is_paid_for,
        unnest(refunds) as r
    from {{ source('shopify', 'orders') }}
)

select
    o.system || ':' || split_part(o.r.id, '/', -1) as refund_key,
    o.system,
    split_part(o.r.id, '/', -1) as refund_id,
    o.system || ':' || o.order_id as order_key,
    coalesce(o.r.processedAt, o.r.createdAt) as refunded_at,
    o.r.totalRefundedSet.shopMoney.amount::decimal(18, 4) as amount,
    coalesce(o.r.totalRefundedSet.shopMoney.currencyCode, o.currencyCode) as currency,
    split_part(o.r."return".id, '/', -1) as return_id,
    nullif(trim(o.r.note), '') as note,
    (case when o.is_paid_for or o.r.totalRefundedSet.shopMoney.amount <> 0 then
        o.r.totalRefundedSet.shopMoney.amount
        - coalesce(list_sum(list_transform(
            o.r.refundLineItems.nodes,
            lambda l: l.subtotalSet.shopMoney.amount
            + case when o.taxesIncluded then 0 else coalesce(l.totalTaxSet.shopMoney.amount, 0) end
        )), 0)
        - coalesce(list_sum(list_transform(
            o.r.refundShippingLines.nodes,
            lambda l: l.subtotalAmountSet.shopMoney.amount
            + case when o.taxesIncluded then 0 else coalesce(l.taxAmountSet.shopMoney.amount, 0) end
        )), 0)
    else 0 end)::decimal(18, 4) as adjustment_amount
from refunds as o
