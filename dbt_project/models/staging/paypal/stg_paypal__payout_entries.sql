-- A book: what was listed once has happened. A movement belongs to the first withdrawal of its currency at or after it. What
-- lay in the balance before, and what a withdrawal left there, are entries of their own: by the balance that the provider
-- tells after each movement, never as a difference of ours.
with movements as (
    {{ paypal_movements() }}
),

withdrawals as (
    select
        w.*,
        lag(w.ending) over (partition by w.system, w.currency order by w.at, w.key) as ended_before,
        row_number() over (partition by w.system, w.currency order by w.at, w.key) as number
    from movements as w
    where w.is_withdrawal
),

opening as (
    select m.system, m.currency, arg_min(m.ending - (m.gross - m.fee), (m.at, m.is_withdrawal, m.key)) as held
    from movements as m
    group by all
),

charges as (
    select m.system, m.transaction_id, any_value(m.invoice_id) as invoice_id
    from movements as m
    where m.invoice_id is not null
    group by all
),

entries as (
    select
        m.system,
        m.key as entry_id,
        w.key as payout_id,
        case
            when m.code in ('T1106', 'T1201') then 'chargeback'
            when m.code in ('T1202', 'T1205', 'T1208') then 'chargeback_reversed'
            when m.code in ('T1108', 'T1109') or starts_with(m.code, 'T01') then 'fee'
            when m.code in ('T1110', 'T1111') or left(m.code, 3) in ('T15', 'T21')
                then case when m.gross < 0 then 'reserve_held' else 'reserve_released' end
            when m.code = 'T1107' then 'refund'
            when starts_with(m.code, 'T00') and m.gross >= 0 then 'charge'
            when starts_with(m.code, 'T02') then 'conversion'
            when starts_with(m.code, 'T04') then 'payout'
            when left(m.code, 3) in ('T00', 'T03', 'T05', 'T06', 'T07', 'T08', 'T09', 'T10', 'T11', 'T12', 'T19', 'T20', 'T22')
                then 'adjustment'
            else 'unknown'
        end as kind_code,
        m.code as kind_raw,
        m.gross,
        case when m.is_withdrawal then 0 else m.fee end as fee,
        m.currency,
        m.transaction_id,
        m.original_id,
        coalesce(m.invoice_id, c.invoice_id) as order_reference,
        m.at
    from movements as m
    asof left join withdrawals as w on w.system = m.system and w.currency = m.currency and m.at <= w.at
    left join charges as c on c.system = m.system and c.transaction_id = m.original_id

    union all
    select
        w.system, w.key || ':fee', w.key, 'fee', w.code, -w.fee, 0, w.currency, w.transaction_id, null, null, w.at
    from withdrawals as w
    where w.fee <> 0

    union all
    select
        w.system, w.key || ':brought', w.key, 'adjustment', 'balance brought forward',
        coalesce(w.ended_before, o.held), 0, w.currency, w.transaction_id, null, null, w.at
    from withdrawals as w
    inner join opening as o on o.system = w.system and o.currency = w.currency
    where coalesce(w.ended_before, case when w.number = 1 then o.held end, 0) <> 0

    union all
    select
        w.system, w.key || ':left', w.key, 'adjustment', 'balance carried forward', -w.ending, 0, w.currency,
        w.transaction_id, null, null, w.at
    from withdrawals as w
    where w.ending <> 0
)

select
    e.system || ':' || e.entry_id as entry_key,
    e.system,
    e.entry_id,
    e.payout_id,
    e.kind_code,
    e.kind_raw,
    e.gross::decimal(18, 4) as gross_amount,
    e.fee::decimal(18, 4) as fee_amount,
    (e.gross - e.fee)::decimal(18, 4) as net_amount,
    e.currency,
    e.currency as settlement_currency,
    1::decimal(18, 10) as settlement_rate,
    e.transaction_id,
    e.original_id as original_transaction_id,
    e.order_reference,
    null::varchar as order_key,
    e.at as occurred_at,
    null::timestamptz as available_at
from entries as e
