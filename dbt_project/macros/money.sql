-- Minor units as an amount: 6000 is 60.00 pounds and 6,000 yen. `cents` names currencies whose amounts a provider gives in
-- hundredths although they have none, `whole` those it gives without although they have.
{% macro from_minor(amount, currency, cents=[], whole=[]) -%}
    {%- set without = ['BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF', 'XOF', 'XPF'] -%}
    ({{ amount }}::decimal(24, 4) * case
        {%- if cents %}
        when upper({{ currency }}) in ('{{ cents | join("', '") }}') then 0.01
        {%- endif %}
        when upper({{ currency }}) in ('{{ (without + whole) | join("', '") }}') then 1
        when upper({{ currency }}) in ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') then 0.001
        else 0.01
    end)::decimal(18, 4)
{%- endmacro %}

-- An amount as a person reads it.
{% macro shown_amount(amount) -%}
    ({{ amount }})::decimal(18, 2)::varchar
{%- endmacro %}
