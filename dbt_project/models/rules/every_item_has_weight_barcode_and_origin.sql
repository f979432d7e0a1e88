-- Items of the system that owns the catalogue that lack what a warehouse or a customs form needs. Bundles are made up of
-- items and have none of it themselves. What its vendor has no field for is not lacking.
with owned as (
    select
        i.*,
        s.item_details
    from {{ ref('items') }} as i
    inner join {{ source('estate', 'systems') }} as s on s.system = i.system
    where
        i.system in (select t.system from {{ source('estate', 'truth') }} as t where t.entity = 'products')
        and i.is_active
        and coalesce(i.is_tracked, true)
        and (i.sku is null or i.sku not in (select b.parent_sku from {{ ref('bundles') }} as b))
),

faults as (
    select
        *,
        unnest(list_filter([
            case when list_contains(item_details, 'weight') and coalesce(weight_grams, 0) <= 0 then 'no_weight' end,
            case when list_contains(item_details, 'barcode') and coalesce(trim(barcode), '') = '' then 'no_barcode' end,
            case when coalesce(trim(barcode), '') <> '' and not {{ is_gtin('trim(barcode)') }} then 'bad_barcode' end,
            case when list_contains(item_details, 'origin') and not regexp_full_match(coalesce(origin_country_code, ''), '[A-Z]{2}') then 'no_origin' end
        ], lambda fault: fault is not null)) as fault
    from owned
),

candidates as (
    select
        item_key || ':' || fault as exception_key,
        fault as cause,
        system,
        item_key as entity_key,
        updated_at as since_at,
        null::decimal(18, 4) as amount,
        null::varchar as currency,
        coalesce(sku, item_id) || case when fault = 'bad_barcode' then ': ' || left(barcode, 20) else '' end as detail,
        url,
        null::timestamptz as ended_at,
        null::varchar as facility
    from faults
),

{{ when_due('candidates') }}
