-- Customers an ERP keeps twice: of one mail, whatever its case, or of one id at the channel. The one it has longest stands;
-- each other is a row. Only keys leave this rule: mails and names are nobody's business in an alert.
with known as (
    select *
    from {{ ref('customers') }}
    where gone_at is null
),

names as (
    select
        customer_key,
        system,
        'same_id' as cause,
        trim(external_id) as name
    from known
    where coalesce(trim(external_id), '') <> ''
    union all
    select
        k.customer_key,
        k.system,
        'same_mail' as cause,
        lower(trim(u.email)) as name
    from known as k
    cross join unnest(k.emails) as u (email)
    where coalesce(trim(u.email), '') <> ''
),

firsts as (
    select
        n.system,
        n.cause,
        n.name,
        arg_min(k.customer_key, (k.created_at, length(k.customer_id), k.customer_id)) as first_key
    from names as n
    inner join known as k on k.customer_key = n.customer_key
    group by n.system, n.cause, n.name
    having count(distinct n.customer_key) > 1
),

doubles as (
    select
        n.customer_key,
        min(n.cause) as cause,
        min(f.first_key) as first_key
    from names as n
    inner join firsts as f on f.system = n.system and f.cause = n.cause and f.name = n.name
    where n.customer_key <> f.first_key
    group by n.customer_key
),

candidates as (
    select
        d.customer_key as exception_key,
        d.cause,
        k.system,
        d.customer_key as entity_key,
        k.created_at as since_at,
        null::decimal(18, 4) as amount,
        null::varchar as currency,
        'customer ' || k.customer_id || ' is customer ' || f.customer_id || ' again' as detail,
        k.url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from doubles as d
    inner join known as k on k.customer_key = d.customer_key
    inner join known as f on f.customer_key = d.first_key
),

{{ when_due('candidates') }}
