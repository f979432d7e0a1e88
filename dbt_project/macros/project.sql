-- The schema is the stage's own name: marts, not main_marts.
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}

-- One vendor-neutral select over the staging views of every vendor that has this mart. `without` names the columns the
-- mart adds itself.
{% macro union_vendors(mart, without=[]) -%}
    {%- set columns = [] -%}
    {%- for name in model.columns if name not in without -%}{%- do columns.append(name) -%}{%- endfor -%}
    {%- for vendor in var('vendors')[mart] %}
    select
        {{ columns | join(',\n        ') }}
    from {{ ref('stg_' ~ vendor ~ '__' ~ mart) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{%- endmacro %}

-- A step is a table, and its definition a view beside it: `rules/steps.py` fills the one from the other without dbt.
{% macro keep_definition() -%}
    create or replace view steps.{{ this.identifier }} as {{ sql }}
{%- endmacro %}
