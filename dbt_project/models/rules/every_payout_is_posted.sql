-- Payouts that reached the bank and are not in the books: not at all, not for the same amount, or more than once. Where no
-- system of the estate shows its postings there are no books to look into, and nothing is said.
with books as (
    select distinct system
    from {{ ref('postings') }}
),

posted as (
    select
        p.payout_key,
        count(*) as postings,
        sum(b.net_amount) as net_amount,
        min(b.currency) as currency,
        count(distinct b.currency) as currencies,
        max(b.posted_at) as posted_at,
        arg_max(b.url, b.posted_at) as url
    from {{ ref('payouts') }} as p
    inner join {{ ref('postings') }} as b on b.payout_reference in (p.payout_id, p.payout_key)
    where b.status_code = 'posted' and b.gone_at is null
    group by p.payout_key
),

candidates as (
    select
        p.payout_key as exception_key,
        case
            when b.payout_key is null then 'not_posted'
            when b.postings > 1 and b.net_amount <> p.net_amount then 'posted_twice'
            else 'posted_otherwise'
        end as cause,
        p.system,
        p.payout_key as entity_key,
        greatest(p.issued_at, b.posted_at) as since_at,
        (p.net_amount - coalesce(b.net_amount, 0))::decimal(18, 4) as amount,
        p.currency,
        'payout ' || p.payout_id || ' of ' || p.net_amount || ' ' || p.currency
        || case
            when b.payout_key is null then ' is not in the books'
            else ' is booked as ' || b.net_amount || ' ' || coalesce(b.currency, '?')
        end as detail,
        b.url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from {{ ref('payouts') }} as p
    left join posted as b on b.payout_key = p.payout_key
    where
        p.status_code = 'paid'
        and p.net_amount <> 0
        and (select count(*) from books) > 0
        and (
            b.payout_key is null
            or b.currencies > 1
            or b.currency is distinct from p.currency
            or round(b.net_amount * {{ minor_units('p.currency') }}) <> round(p.net_amount * {{ minor_units('p.currency') }})
        )
),

{{ when_due('candidates') }}
