-- An item is known by its number everywhere, so that is its id for us. Weight is that of the single piece. Origin and
-- customs code are not in this API.
with items as (
    select
        *,
        list_filter(packs, lambda p: p.quantity = 1 and p.weight.weight > 0)[1].weight as piece
    from {{ source('deposco', 'items') }}
)

select
    i.system || ':' || i.self.id as item_key,
    i.system,
    case when trim(i.number) <> '' then i.number end as item_id,
    null::varchar as inventory_item_id,
    i.self.id::varchar as product_id,
    case when trim(i.number) <> '' then i.number end as sku,
    nullif(trim(i.name), '') as title,
    nullif(trim(list_filter(i.upcs.data, lambda u: trim(u."value") <> '')[1]."value"), '') as barcode,
    round(i.piece.weight * case lower(trim(i.piece.units))
        when 'g' then 1 when 'kg' then 1000 when 'lb' then 453.59237 when 'oz' then 28.349523125
    end)::bigint as weight_grams,
    null::varchar as origin_country_code,
    null::varchar as hs_code,
    null::decimal(18, 4) as price_amount,
    null::varchar as currency,
    i._gone_at is null as is_active,
    true as is_tracked,
    i."updatedDate" as updated_at,
    null::varchar as url
from items as i
