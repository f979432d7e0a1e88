-- From what was captured to what went to the bank, payout by payout, one row per step; what no entry explains has a row of
-- its own. Of a provider that does not say what a payout holds, it holds what moved since the one before, and the balance
-- carries the rest over.
with itemised as (
    select
        p.payout_key,
        e.kind_code,
        e.gross_amount,
        e.fee_amount
    from {{ ref('payouts') }} as p
    inner join {{ ref('payout_entries') }} as e on e.system = p.system and e.payout_id = p.payout_id
    where p.is_itemised and e.kind_code <> 'payout' and e.settlement_currency = p.currency
),

ordered as (
    select
        payout_key,
        system,
        currency,
        issued_at,
        net_amount,
        lag(issued_at) over w as earlier_at,
        coalesce(sum(net_amount) over (w rows between unbounded preceding and 1 preceding), 0) as earlier_amount
    from {{ ref('payouts') }}
    where not is_itemised and status_code in ('scheduled', 'paid', 'unknown')
    window w as (partition by system, currency order by issued_at, payout_key)
),

since_the_last as (
    select
        o.payout_key,
        e.kind_code,
        e.gross_amount,
        e.fee_amount
    from ordered as o
    inner join {{ ref('payout_entries') }} as e
        on e.system = o.system
        and e.settlement_currency = o.currency
        and e.kind_code <> 'payout'
        and e.occurred_at <= o.issued_at
        and (o.earlier_at is null or e.occurred_at > o.earlier_at)
),

balances as (
    select
        o.payout_key,
        coalesce(sum(e.net_amount) filter (where e.occurred_at <= o.earlier_at), 0) - o.earlier_amount as before_amount,
        coalesce(sum(e.net_amount), 0) - o.earlier_amount - o.net_amount as after_amount
    from ordered as o
    left join {{ ref('payout_entries') }} as e
        on e.system = o.system
        and e.settlement_currency = o.currency
        and e.kind_code <> 'payout'
        and e.occurred_at <= o.issued_at
    group by o.payout_key, o.earlier_amount, o.net_amount
),

moved as (
    select
        payout_key,
        case
            when kind_code = 'charge' then 'captures'
            when kind_code = 'refund' then 'refunds'
            when kind_code in ('chargeback', 'chargeback_reversed') then 'disputes'
            when kind_code in ('reserve_held', 'reserve_released') then 'reserves'
            when kind_code = 'conversion' then 'exchange'
            when kind_code = 'fee' then 'fees'
            when kind_code = 'adjustment' then 'adjustments'
            else 'unclassified'
        end as step,
        gross_amount as amount
    from (from itemised union all from since_the_last)
    union all
    select
        payout_key,
        case when kind_code in ('chargeback', 'chargeback_reversed') then 'dispute_fees' else 'fees' end,
        -fee_amount
    from (from itemised union all from since_the_last)
    where fee_amount <> 0
    union all
    select payout_key, 'carried_in', before_amount from balances where before_amount <> 0
    union all
    select payout_key, 'carried_on', -after_amount from balances where after_amount <> 0
),

steps as (
    select
        payout_key,
        step,
        sum(amount) as amount,
        count(*) as entries
    from moved
    group by payout_key, step
),

explained as (
    select
        p.payout_key,
        'unexplained' as step,
        p.net_amount - coalesce(sum(s.amount), 0) as amount,
        0::bigint as entries
    from {{ ref('payouts') }} as p
    left join steps as s on s.payout_key = p.payout_key
    where p.status_code in ('scheduled', 'paid', 'unknown')
    group by p.payout_key, p.net_amount
    having p.net_amount <> coalesce(sum(s.amount), 0)
)

select
    p.payout_key,
    p.system,
    p.payout_id,
    p.issued_at,
    p.currency,
    p.net_amount as payout_amount,
    list_position([
        'carried_in', 'captures', 'refunds', 'fees', 'disputes', 'dispute_fees', 'reserves', 'exchange', 'adjustments',
        'unclassified', 'carried_on', 'unexplained'
    ], s.step) as place,
    s.step,
    s.amount::decimal(18, 4) as amount,
    s.entries
from (from steps union all from explained) as s
inner join {{ ref('payouts') }} as p on p.payout_key = s.payout_key
