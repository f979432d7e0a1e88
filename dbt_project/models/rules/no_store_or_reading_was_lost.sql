-- What we knew and no longer know: a feed that suddenly holds nothing, a feed read from its beginning again, our own
-- tables gone, the ledger gone. Nothing is sent twice for it; somebody should know why. It stands for a while even when
-- all is back, so that whoever looks sees it.
with pulls as (
    select
        *,
        lag(rows_in) over (partition by system, stream order by started_at) as rows_before,
        min(started_at) filter (where kind = 'increment') over (partition by system, stream) as first_increment_at
    from {{ source('ops', 'pulls') }}
    where kind in ('full', 'increment', 'bulk') and is_complete
),

emptied as (
    select
        p.system,
        p.stream,
        max(p.started_at) as lost_at,
        max(q.back_at) as back_at
    from pulls as p
    left join (
        select system, stream, max(started_at) as back_at
        from pulls
        where rows_in > 0
        group by system, stream
    ) as q on q.system = p.system and q.stream = p.stream
    -- A list of a few may well become a list of none.
    where p.kind = 'full' and p.rows_in = 0 and p.rows_before >= 10
    group by p.system, p.stream
),

-- Everything is read daily where a vendor lists no ids: that knows how far it had come, and a reading after a loss does
-- not. A sweep that finds what no increment gave has everything read again on purpose.
swept as (
    select
        system,
        stream,
        started_at
    from {{ source('ops', 'pulls') }}
    where kind = 'sweep' and rows_new > 0
),

read_again as (
    select
        system,
        stream,
        max(started_at) filter (
            where kind <> 'increment' and cursor_before is null and started_at > first_increment_at
            and not exists (
                select 1
                from swept as s
                where
                    s.system = pulls.system and s.stream = pulls.stream
                    and s.started_at between pulls.started_at - interval 1 day and pulls.started_at
            )
        ) as lost_at,
        max(started_at) filter (where kind = 'increment') as back_at
    from pulls
    group by system, stream
),

reading as (
    select max(started_at) filter (where kind = 'increment') as goes_on_at
    from pulls
),

-- A ledger that had judged before this file ever met it says that the file before this one is gone.
ledgers as (
    select
        *,
        row_number() over (order by first_seen_at) as place
    from {{ source('ops', 'ledgers') }}
),

losses as (
    select
        system || ':' || stream as exception_key,
        'emptied' as cause,
        system,
        lost_at,
        back_at,
        stream || ' of ' || system || ' held nothing where there had been rows' as detail
    from emptied
    union all
    select
        system || ':' || stream,
        'read_again',
        system,
        lost_at,
        back_at,
        stream || ' of ' || system || ' was read from its beginning again'
    from read_again
    where lost_at is not null
    union all
    select
        'duckdb',
        'tables_gone',
        null::varchar,
        l.first_seen_at,
        r.goes_on_at,
        'the ledger had judged before anything here was read'
    from ledgers as l
    cross join reading as r
    where l.place = 1 and l.had_judged
    union all
    select
        'ledger',
        'ledger_gone',
        null::varchar,
        max(l.first_seen_at),
        any_value(r.goes_on_at),
        'another ledger than at the last look'
    from ledgers as l
    cross join reading as r
    where l.place > 1
    having count(*) > 0
),

candidates as (
    select
        exception_key,
        cause,
        system,
        exception_key as entity_key,
        lost_at as since_at,
        null::decimal(18, 4) as amount,
        null::varchar as currency,
        detail,
        null::varchar as url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from losses
    where
        {{ as_of() }} < lost_at + to_seconds(900)
        or (coalesce(back_at <= lost_at, true) and {{ as_of() }} < lost_at + interval 1 day)
),

{{ when_due('candidates') }}
