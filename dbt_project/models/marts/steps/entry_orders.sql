-- Which channel order a payment provider's movement is for: by the provider's own word, by the number the shop sent it, or
-- by the charge that is given back. Should two orders of shops that pay through a provider share a number, it means the
-- first. What is for another brand's order, where brands share an account, is for that one and not for none.
with known as (
    select
        g.payout_system as system,
        ltrim(o.order_name, '# ') as number,
        arg_min(o.order_key, o.placed_at) as order_key
    from {{ ref('order_book') }} as o
    inner join (select distinct channel_system, payout_system from {{ ref('gateways') }}) as g on g.channel_system = o.system
    where o.order_name is not null
    group by all
),

{%- if var('scopes', {}) %}
foreigners as (
    select
        g.payout_system as system,
        ltrim(f.reference, '# ') as number,
        min(f.record_key) as order_key
    from {{ ref('foreign_records') }} as f
    inner join (select distinct channel_system, payout_system from {{ ref('gateways') }}) as g on g.channel_system = f.system
    where f.is_sold and f.reference is not null
    group by all
),
{%- endif %}

entries as (
    select
        entry_key,
        system,
        kind_code,
        transaction_id,
        original_transaction_id,
        order_key,
        ltrim(trim(order_reference), '# ') as number
    from {{ ref('payout_entries') }}
    where kind_code in ('charge', 'refund', 'chargeback', 'chargeback_reversed', 'fee')
),

named as (
    select
        e.entry_key,
        e.system,
        e.kind_code,
        e.transaction_id,
        e.original_transaction_id,
        coalesce(
            o.order_key,
            {%- if var('scopes', {}) %}
            f.record_key,
            {%- endif %}
            k.order_key
            {%- if var('scopes', {}) %},
            n.order_key
            {%- endif %}
        ) as order_key
    from entries as e
    left join {{ ref('order_book') }} as o on o.order_key = e.order_key
    left join known as k on k.system = e.system and k.number = e.number
    {%- if var('scopes', {}) %}
    left join {{ ref('foreign_records') }} as f on f.record_key = e.order_key
    left join foreigners as n on n.system = e.system and n.number = e.number
    {%- endif %}
),

charges as (
    select
        system,
        transaction_id,
        min(order_key) as order_key
    from named
    where kind_code = 'charge' and transaction_id is not null and order_key is not null
    group by system, transaction_id
)

select
    n.entry_key,
    coalesce(n.order_key, c.order_key) as order_key
from named as n
left join charges as c on c.system = n.system and c.transaction_id = n.original_transaction_id
where coalesce(n.order_key, c.order_key) is not null
