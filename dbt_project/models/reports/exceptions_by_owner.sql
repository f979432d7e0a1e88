-- What stands open, for whom, and what it is worth: never a sum over currencies.
select
    owner,
    rule,
    cause,
    severity,
    currency,
    count(*) filter (where state = 'open') as open,
    count(*) filter (where state = 'acknowledged') as acknowledged,
    count(*) filter (where state = 'accepted') as accepted,
    min(since_at) as oldest_at,
    sum(amount) filter (where state <> 'accepted') as amount
from {{ source('ops', 'exceptions') }}
where state <> 'closed'
group by owner, rule, cause, severity, currency
