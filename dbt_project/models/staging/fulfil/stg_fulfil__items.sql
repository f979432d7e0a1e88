-- A variant is an item. Its price is in the company's currency, which it does not say, so none is passed on.
select
    p.system || ':' || p.id as item_key,
    p.system,
    p.id::varchar as item_id,
    null::varchar as inventory_item_id,
    p.template::varchar as product_id,
    nullif(trim(p.code), '') as sku,
    nullif(concat_ws(
        ' ', nullif(trim(p."template.name"), ''),
        case when p.variant_name is distinct from p."template.name" then nullif(trim(p.variant_name), '') end
    ), '') as title,
    null::varchar as barcode,
    null::bigint as weight_grams,
    null::varchar as origin_country_code,
    null::varchar as hs_code,
    null::decimal(18, 4) as price_amount,
    null::varchar as currency,
    coalesce(p.active, true) and p._gone_at is null as is_active,
    true as is_tracked,
    coalesce(p.write_date.iso_string, p.create_date.iso_string) at time zone 'UTC' as updated_at,
    null::varchar as url
from {{ source('fulfil', 'products') }} as p
