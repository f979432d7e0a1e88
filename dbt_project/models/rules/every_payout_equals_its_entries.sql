-- Payouts that are not the sum of what their provider says is in them. Of a provider that does not say, only the balance
-- can be asked (`payout_bridge`). What a failed payout held is in another.
with sums as (
    select
        system,
        payout_id,
        count(*) as entries,
        sum(net_amount) as net_amount,
        min(settlement_currency) as currency,
        count(distinct settlement_currency) as currencies
    from {{ ref('payout_entries') }}
    where payout_id is not null and kind_code <> 'payout'
    group by system, payout_id
),

judged as (
    select
        p.*,
        s.entries,
        s.net_amount as entries_amount,
        case
            when s.entries is null then 'no_entries'
            when s.currencies > 1 or s.currency <> p.currency then 'other_currency'
            when s.net_amount <> p.net_amount then 'sum_differs'
        end as cause
    from {{ ref('payouts') }} as p
    left join sums as s on s.system = p.system and s.payout_id = p.payout_id
    where p.is_itemised and p.status_code in ('scheduled', 'paid', 'unknown')
),

candidates as (
    select
        payout_key as exception_key,
        cause,
        system,
        payout_key as entity_key,
        issued_at as since_at,
        case when cause = 'other_currency' then abs(net_amount) else abs(net_amount - coalesce(entries_amount, 0)) end as amount,
        currency,
        'payout ' || payout_id || ' of ' || {{ shown_amount('net_amount') }} || ' ' || currency || ': '
        || case cause
            when 'no_entries' then 'no entries'
            when 'other_currency' then 'entries in another currency'
            else 'its ' || entries || ' entries come to ' || {{ shown_amount('entries_amount') }}
        end as detail,
        null::varchar as url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from judged
    where cause is not null and not (cause = 'no_entries' and net_amount = 0)
),

{{ when_due('candidates') }}
