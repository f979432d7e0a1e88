-- A sellable is an item. Weight 0 and an empty barcode are Veeqo's way of saying not filled in. Its prices carry no
-- currency and are nobody's truth here, so none is passed on.
with items as (
    select
        system,
        id,
        title,
        origin_country,
        hs_tariff_number,
        updated_at,
        deleted_at,
        _gone_at,
        unnest(sellables) as item
    from {{ source('veeqo', 'products') }}
)

select
    p.system || ':' || p.item.id as item_key,
    p.system,
    p.item.id::varchar as item_id,
    null::varchar as inventory_item_id,
    p.id::varchar as product_id,
    case when trim(p.item.sku_code) <> '' then p.item.sku_code end as sku,
    nullif(concat_ws(
        ' ', nullif(trim(p.title), ''), case when p.item.title is distinct from p.title then nullif(trim(p.item.title), '') end
    ), '') as title,
    nullif(trim(p.item.upc_code), '') as barcode,
    nullif(round(p.item.weight_grams), 0)::bigint as weight_grams,
    nullif(trim(p.origin_country), '') as origin_country_code,
    nullif(trim(p.hs_tariff_number), '') as hs_code,
    null::decimal(18, 4) as price_amount,
    null::varchar as currency,
    p.deleted_at is null and p._gone_at is null as is_active,
    true as is_tracked,
    greatest(p.updated_at, p.item.updated_at) as updated_at,
    s.admin_url || '/products/' || p.id as url
from items as p
left join {{ source('estate', 'systems') }} as s on s.system = p.system
