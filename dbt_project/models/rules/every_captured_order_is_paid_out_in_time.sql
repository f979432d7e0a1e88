-- Money a shop took that its payment provider does not know, or keeps. The first capture of an order is the provider's first
-- charge for it, and so on: the two rarely name each other.
with begun as (
    select
        system,
        min(occurred_at) as occurred_at
    from {{ ref('payout_entries') }}
    group by system
),

captured as (
    select
        c.*,
        g.payout_system,
        row_number() over (
            partition by g.payout_system, c.order_key order by c.processed_at, c.payment_key
        ) as place
    from {{ ref('capture_book') }} as c
    inner join {{ ref('gateways') }} as g on g.channel_system = c.system and g.gateway = c.gateway
    where c.amount > 0
),

charged as (
    select
        e.system,
        o.order_key,
        e.payout_id,
        e.occurred_at,
        row_number() over (partition by e.system, o.order_key order by e.occurred_at, e.entry_key) as place
    from {{ ref('payout_entries') }} as e
    inner join {{ ref('entry_orders') }} as o on o.entry_key = e.entry_key
    where e.kind_code = 'charge'
),

judged as (
    select
        c.*,
        h.occurred_at as charged_at,
        p.payout_id,
        p.issued_at,
        case
            when h.place is null then 'not_at_the_provider'
            when p.status_code in ('failed', 'cancelled') then 'payout_failed'
            when h.payout_id is null then 'not_paid_out'
        end as cause
    from captured as c
    left join charged as h on h.system = c.payout_system and h.order_key = c.order_key and h.place = c.place
    left join {{ ref('payouts') }} as p on p.system = h.system and p.payout_id = h.payout_id
    left join begun as b on b.system = c.payout_system
    where c.processed_at >= coalesce(b.occurred_at, c.processed_at)
),

candidates as (
    select
        j.payment_key as exception_key,
        j.cause,
        j.payout_system as system,
        j.order_key as entity_key,
        case j.cause
            when 'not_at_the_provider' then j.processed_at
            when 'not_paid_out' then j.charged_at
            else j.issued_at
        end as since_at,
        j.amount,
        j.currency,
        o.order_name || ' took ' || {{ shown_amount('j.amount') }} || ' ' || j.currency || ' through ' || j.gateway
        || case when j.cause = 'payout_failed' then '; payout ' || j.payout_id || ' did not arrive' else '' end as detail,
        o.url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from judged as j
    inner join {{ ref('order_book') }} as o on o.order_key = j.order_key
    where
        j.cause is not null
        -- Who does not say what a payout holds cannot be asked what is missing from it.
        and (j.cause <> 'not_paid_out' or j.payout_system in (select system from {{ ref('payouts') }} where is_itemised))
        and not coalesce(o.is_test, false)
),

{{ when_due('candidates') }}
