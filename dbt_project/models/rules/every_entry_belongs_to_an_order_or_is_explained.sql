-- Money that moved at a payment provider for no order we know. Fees, reserves, conversions and adjustments are explained by
-- their kind. What is given back may be for an order from before our first: it is judged half a year after that.
with begun as (
    select
        g.payout_system as system,
        min(o.placed_at) as placed_at
    from {{ ref('order_book') }} as o
    inner join (select distinct channel_system, payout_system from {{ ref('gateways') }}) as g on g.channel_system = o.system
    group by g.payout_system
),

candidates as (
    select
        e.entry_key as exception_key,
        case
            when e.kind_code = 'unknown' then 'unknown_kind'
            when coalesce(trim(e.order_reference), '') = '' and e.order_key is null then 'no_reference'
            else 'unknown_order'
        end as cause,
        e.system,
        e.entry_key as entity_key,
        e.occurred_at as since_at,
        abs(e.gross_amount) as amount,
        e.settlement_currency as currency,
        e.kind_raw || ' ' || coalesce(e.transaction_id, e.entry_id) || ' of ' || {{ shown_amount('e.gross_amount') }} || ' '
        || e.settlement_currency || coalesce(', order ' || nullif(trim(e.order_reference), ''), '')
        || coalesce(', payout ' || e.payout_id, '') as detail,
        null::varchar as url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from {{ ref('payout_entries') }} as e
    left join begun as b on b.system = e.system
    where
        e.gross_amount <> 0
        and (
            e.kind_code = 'unknown'
            or (e.kind_code = 'charge' and e.occurred_at >= coalesce(b.placed_at, e.occurred_at))
            or (
                e.kind_code in ('refund', 'chargeback', 'chargeback_reversed')
                and e.occurred_at >= coalesce(b.placed_at + to_days({{ var('refundable_days') }}), e.occurred_at)
            )
        )
        and e.entry_key not in (select entry_key from {{ ref('entry_orders') }})
),

{{ when_due('candidates') }}
