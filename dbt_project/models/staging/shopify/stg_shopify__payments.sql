-- A fee in another currency than the payment's cannot stand beside it: those are in the payout's entries.
with transactions as (
    select
        system,
        split_part(id, '/', -1) as order_id,
        _read_at,
        unnest(transactions) as t
    from {{ source('shopify', 'orders') }}
)

select
    o.system || ':' || split_part(o.t.id, '/', -1) as payment_key,
    o.system,
    o.system || ':' || o.order_id as order_key,
    split_part(o.t.id, '/', -1) as payment_id,
    case o.t.kind
        when 'AUTHORIZATION' then 'authorisation'
        when 'EMV_AUTHORIZATION' then 'authorisation'
        when 'SALE' then 'sale'
        when 'CAPTURE' then 'capture'
        when 'REFUND' then 'refund'
        when 'VOID' then 'void'
        else 'other'
    end as kind_code,
    case o.t.status
        when 'SUCCESS' then 'success'
        when 'PENDING' then 'pending'
        when 'AWAITING_RESPONSE' then 'pending'
        when 'FAILURE' then 'failed'
        when 'ERROR' then 'failed'
        else 'unknown'
    end as status_code,
    o.t.amountSet.shopMoney.amount::decimal(18, 4) as amount,
    o.t.amountSet.shopMoney.currencyCode as currency,
    nullif(trim(o.t.gateway), '') as gateway,
    list_sum(list_transform(
        list_filter(o.t.fees, lambda f: f.amount.currencyCode = o.t.amountSet.shopMoney.currencyCode),
        lambda f: f.amount.amount
    ))::decimal(18, 4) as fee_amount,
    coalesce(o.t.processedAt, o.t.createdAt) as processed_at,
    o._read_at as read_at
from transactions as o
