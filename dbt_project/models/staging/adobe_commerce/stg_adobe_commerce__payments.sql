-- The vendor's transactions carry no amounts. Money taken is an invoice, money given back a credit memo, each with the
-- provider's own id of it; an authorisation has the order's. Only what is neither comes from the transactions.
with orders as (
    select
        system,
        entity_id,
        base_currency_code,
        nullif(trim(payment.method), '') as gateway,
        payment.base_amount_authorized as authorised
    from {{ source('adobe_commerce', 'orders') }}
),

taken as (
    select
        i.system || ':invoice-' || i.entity_id as payment_key,
        i.system,
        i.order_id,
        coalesce(nullif(trim(i.transaction_id), ''), i.increment_id) as payment_id,
        'capture' as kind_code,
        case i.state when 1 then 'pending' when 2 then 'success' when 3 then 'failed' else 'unknown' end as status_code,
        i.base_grand_total as amount,
        i.base_currency_code as currency,
        i.created_at
    from {{ source('adobe_commerce', 'invoices') }} as i
    where i._gone_at is null
),

given_back as (
    select
        c.system || ':creditmemo-' || c.entity_id as payment_key,
        c.system,
        c.order_id,
        coalesce(nullif(trim(c.transaction_id), ''), c.increment_id) as payment_id,
        'refund' as kind_code,
        case c.state when 1 then 'pending' when 2 then 'success' when 3 then 'failed' else 'unknown' end as status_code,
        c.base_grand_total as amount,
        c.base_currency_code as currency,
        c.created_at
    from {{ source('adobe_commerce', 'creditmemos') }} as c
    where c._gone_at is null
),

others as (
    select
        t.system || ':transaction-' || t.transaction_id as payment_key,
        t.system,
        t.order_id,
        coalesce(nullif(trim(t.txn_id), ''), t.transaction_id::varchar) as payment_id,
        case t.txn_type when 'authorization' then 'authorisation' when 'void' then 'void' else 'other' end as kind_code,
        'success' as status_code,
        case when t.txn_type = 'authorization' then o.authorised end as amount,
        o.base_currency_code as currency,
        t.created_at
    from {{ source('adobe_commerce', 'transactions') }} as t
    left join orders as o on o.system = t.system and o.entity_id = t.order_id
    where t._gone_at is null and coalesce(t.txn_type, '') not in ('capture', 'refund')
),

gathered as (
    select * from taken
    union all
    select * from given_back
    union all
    select * from others
),

last_read as (
    {{ adobe_commerce_last_read() }}
)

select
    g.payment_key,
    g.system,
    g.system || ':' || g.order_id as order_key,
    g.payment_id,
    g.kind_code,
    g.status_code,
    g.amount::decimal(18, 4) as amount,
    g.currency,
    o.gateway,
    null::decimal(18, 4) as fee_amount,
    timezone('UTC', g.created_at) as processed_at,
    r.read_at
from gathered as g
left join orders as o on o.system = g.system and o.entity_id = g.order_id
left join last_read as r on r.system = g.system and r.order_id = g.order_id
