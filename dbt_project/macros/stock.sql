-- How many whole units there are, rounded towards the smaller also below nothing.
{% macro floor_div(qty, per_unit) -%}
    ({{ qty }} - (({{ qty }} % {{ per_unit }}) + {{ per_unit }}) % {{ per_unit }}) // {{ per_unit }}
{%- endmacro %}
