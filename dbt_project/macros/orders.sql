-- What is wrong with an order's address, or null. One word per fault, never the address itself.
{% macro address_fault(o) -%}
    case
        when coalesce(trim({{ o }}.ship_to_name), trim({{ o }}.ship_to_last_name), '') = '' then 'name'
        when coalesce(trim({{ o }}.ship_to_line1), '') = '' then 'line 1'
        when coalesce(trim({{ o }}.ship_to_city), '') = '' then 'city'
        when not regexp_full_match(coalesce({{ o }}.ship_to_country_code, ''), '[A-Z]{2}') then 'country'
        when coalesce(trim({{ o }}.ship_to_postcode), '') = ''
            and {{ o }}.ship_to_country_code not in ('{{ var("countries_without_postcode") | join("', '") }}') then 'postcode'
        when greatest(
            length(coalesce({{ o }}.ship_to_name, '')), length(coalesce({{ o }}.ship_to_line1, '')),
            length(coalesce({{ o }}.ship_to_line2, '')), length(coalesce({{ o }}.ship_to_city, ''))
        ) > {{ var('max_address_length') }} then 'too long'
    end
{%- endmacro %}

-- Steps of money in one unit of a currency: 100 pence, 1 yen, 1000 fils.
{% macro minor_units(currency) -%}
    case
        when {{ currency }} in ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF', 'XOF', 'XPF') then 1
        when {{ currency }} in ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') then 1000
        else 100
    end
{%- endmacro %}

-- The money of one step: dividing would go through a float.
{% macro one_step(steps) -%}
    case {{ steps }} when 1 then 1 when 100 then 0.01 when 1000 then 0.001 else 0.0001 end::decimal(5, 4)
{%- endmacro %}

-- One part's share of an order's money, cut from a running total so that the parts add up. Needs p (is_split), o
-- (currency) and g (weight, running_weight, all_weight).
{% macro part_of(amount) -%}
    case
        when not p.is_split or coalesce(g.all_weight, 0) = 0 then {{ amount }}
        else ((
            ({{ amount }} * {{ minor_units('o.currency') }})::hugeint * g.running_weight // g.all_weight
            - ({{ amount }} * {{ minor_units('o.currency') }})::hugeint * (g.running_weight - g.weight) // g.all_weight
        )::decimal(28, 0) * {{ one_step(minor_units('o.currency')) }})::decimal(18, 4)
    end
{%- endmacro %}

-- What is left of a line's money when units of it were taken off, rounded half up to whole minor units. Needs current_qty,
-- ordered_qty and currency beside it.
{% macro share_of(amount) -%}
    case
        when coalesce(ordered_qty, 0) <= 0 or current_qty >= ordered_qty then coalesce({{ amount }}, 0)
        else ((
            2 * (coalesce({{ amount }}, 0) * {{ minor_units('currency') }})::hugeint * greatest(current_qty, 0) + ordered_qty
        ) // (2 * ordered_qty))::decimal(28, 0) * {{ one_step(minor_units('currency')) }}
    end::decimal(18, 4)
{%- endmacro %}
