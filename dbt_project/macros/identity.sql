-- The order number in a reference at a warehouse: `1001/YORK` means the part of 1001 that YORK sends.
{% macro base_reference(reference) -%}
    case
        when contains({{ reference }}, '/')
            and regexp_extract({{ reference }}, '/([^/]+)$', 1) in (select facility from {{ ref('facilities') }})
            then regexp_replace({{ reference }}, '/[^/]+$', '')
        else {{ reference }}
    end
{%- endmacro %}

-- A SKU with what people mistype taken out. For showing the nearest match only: levels are never written by it.
{% macro plain_sku(sku) -%}
    upper(regexp_replace({{ sku }}, '[^A-Za-z0-9]', '', 'g'))
{%- endmacro %}

-- Whether text is a GTIN: 8, 12, 13 or 14 digits of which the last is the check digit (weights 3 and 1 from the right).
{% macro is_gtin(text) -%}
    (
        regexp_full_match({{ text }}, '[0-9]{8}|[0-9]{12,14}')
        and list_sum(list_transform(
            string_split(reverse({{ text }}), ''),
            lambda digit, place: coalesce(try_cast(digit as integer), 0) * case when place % 2 = 0 then 3 else 1 end
        )) % 10 = 0
    )
{%- endmacro %}

-- Text as people read it: no case, no punctuation, single blanks.
{% macro plain_text(text) -%}
    nullif(trim(regexp_replace(lower({{ text }}), '[^\p{L}\p{N}]+', ' ', 'g')), '')
{%- endmacro %}

-- The keyed fingerprint under which the ledger keeps a personal value. The key's two halves are the connection's, set by
-- whoever evaluates; without them nothing can be compared.
{% macro fingerprint(text) -%}
    case
        when coalesce(trim(regexp_replace({{ text }}, '[\s\p{Z}]+', ' ', 'g')), '') <> '' then
            'hmac:' || left(sha256(
                getvariable('hmac_outer')::blob || unhex(sha256(
                    getvariable('hmac_inner')::blob || encode(trim(regexp_replace({{ text }}, '[\s\p{Z}]+', ' ', 'g')))
                ))
            ), 32)
    end
{%- endmacro %}
