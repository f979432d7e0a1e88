-- A book: a batch's file never changes. Either a commission is taken (blended) or markup, scheme fees and interchange. A
-- batch may close without a payout: a Balancetransfer takes what is owed into the next one, and its rows have no payout.
with paid as (
    select distinct r.system, r.batch, r."Net Currency" as currency
    from {{ source('adyen', 'settlement_details') }} as r
    where r."Type" = 'MerchantPayout'
),

movements as (
    select
        r.*,
        coalesce(r."Net Credit (NC)", 0) - coalesce(r."Net Debit (NC)", 0) as net,
        coalesce(r."Commission (NC)", 0) + coalesce(r."Markup (NC)", 0) + coalesce(r."Scheme Fees (NC)", 0)
        + coalesce(r."Interchange (NC)", 0) as fee
    from {{ source('adyen', 'settlement_details') }} as r
)

select
    m.system || ':' || m.key as entry_key,
    m.system,
    m.key as entry_id,
    case when p.batch is not null then m.batch || '/' || m."Net Currency" end as payout_id,
    case
        when m."Type" = 'Settled' then 'charge'
        when m."Type" in ('Refunded', 'RefundedReversed') then 'refund'
        when m."Type" in ('Chargeback', 'SecondChargeback') then 'chargeback'
        when m."Type" = 'ChargebackReversed' then 'chargeback_reversed'
        when m."Type" in ('Fee', 'MiscCosts', 'PaymentCost', 'InvoiceDeduction') then 'fee'
        when m."Type" = 'DepositCorrection' then case when m.net < 0 then 'reserve_held' else 'reserve_released' end
        when m."Type" = 'MerchantPayout' then 'payout'
        when m."Type" in (
            'Balancetransfer', 'BankInstructionReturned', 'EpaPaid', 'ManualCorrected', 'MatchedStatement', 'PaidOut',
            'PaidOutReversed'
        ) then 'adjustment'
        else 'unknown'
    end as kind_code,
    m."Type" as kind_raw,
    (m.net + m.fee)::decimal(18, 4) as gross_amount,
    m.fee::decimal(18, 4) as fee_amount,
    m.net::decimal(18, 4) as net_amount,
    coalesce(m."Gross Currency", m."Net Currency") as currency,
    m."Net Currency" as settlement_currency,
    case
        when coalesce(m."Gross Currency", m."Net Currency") = m."Net Currency" then 1 else m."Exchange Rate"
    end::decimal(18, 10) as settlement_rate,
    case when m."Type" = 'Settled' then m."Psp Reference" else coalesce(m."Modification Reference", m."Psp Reference") end
        as transaction_id,
    case when m."Type" <> 'Settled' then m."Psp Reference" end as original_transaction_id,
    m."Merchant Reference" as order_reference,
    null::varchar as order_key,
    m.created_at as occurred_at,
    null::timestamptz as available_at
from movements as m
left join paid as p on p.system = m.system and p.batch = m.batch and p.currency = m."Net Currency"
