-- The schema is the stage's own name: marts, not main_marts.
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}

-- One vendor-neutral select over the staging views of every vendor in use that has this mart, empty when none has.
-- `without` names the columns the mart adds itself; `of` the column with the key of the order it hangs on, and `sku` the one
-- with its SKU: by these, rows outside their system's scope are left out. Where no system has one there is no filter.
-- With `role` only of systems that play it: the orders of an ERP that runs no facility look like a warehouse's and are none.
{% macro union_vendors(mart, without=[], of=none, sku=none, role=none) -%}
    {%- set columns = {} -%}
    {%- for name in model.columns if name not in without -%}
        {%- do columns.update({name: model.columns[name].data_type}) -%}
    {%- endfor -%}
    {%- if not var('scopes', {}) or (of is none and sku is none) -%}
    {{ gathered(mart, columns, role) }}
    {%- else -%}
    select u.*
    from (
    {{ gathered(mart, columns, role) }}
    ) as u
    where
        true
        {%- if of is not none %}
        and not exists (select 1 from {{ ref('foreign_records') }} as f where f.record_key = u.{{ of }})
        {%- endif %}
        {%- if sku is not none %}
        and coalesce({{ has_our_prefix('u.system', 'u.' ~ sku) }}, true)
        {%- endif %}
    {%- endif -%}
{%- endmacro %}

-- These columns (name -> type) of every vendor in use that has the mart, rows outside a scope among them. What names no
-- system begins with it in its first column, a key.
{% macro gathered(mart, columns, role=none) -%}
    {%- set in_use = var('vendors_in_use', none) -%}
    {%- for vendor, marts in var('vendors').items()
        if mart in marts and (in_use is none or (vendor in in_use and (role is none or role in in_use[vendor]))) %}
    select
        {{ columns | join(',\n        ') }}
    from {{ ref('stg_' ~ vendor ~ '__' ~ mart) }}
    {%- if role is not none %}
    where {{ 'system' if 'system' in columns else "split_part(" ~ (columns | first) ~ ", ':', 1)" }}
        in (select system from {{ source('estate', 'systems') }} where role = '{{ role }}')
    {%- endif %}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- else %}
    {{ no_rows(columns) }}
    {%- endfor %}
{%- endmacro %}

-- No row of these columns (name -> type), or of the model's own.
{% macro no_rows(columns=none) -%}
    {%- set types = {} -%}
    {%- for name in model.columns if columns is none -%}{%- do types.update({name: model.columns[name].data_type}) -%}{%- endfor -%}
    {%- do types.update(columns or {}) -%}
    select
        {% for name in types -%}
        null::{{ types[name] }} as {{ name }}{% if not loop.last %},
        {% endif %}
        {%- endfor %}
    where false
{%- endmacro %}

-- A step is a table, and its definition a view beside it: `rules/steps.py` fills the one from the other without dbt. A step
-- whose metadata says `grows: {key, stamp}` is only added to: a row is made again when its stamp has changed; with
-- `with: another step`, when that one's row of the same key was. The view's comment is the definition's digest, and how it
-- grows: DuckDB does not always print a view in the same words.
{% macro keep_definition() -%}
    {%- set grows = (model.config.meta or {}).get('grows') -%}
    {%- set words = ['grows', grows.key, grows.stamp, grows.with] | select | join(' ') if grows else '' -%}
    create or replace view steps.{{ this.identifier }} as {{ sql }};
    comment on view steps.{{ this.identifier }} is '{{ (local_md5(sql or '') ~ ' ' ~ words) | trim }}'
{%- endmacro %}

-- A step that is no longer in the project leaves nothing behind.
{% macro drop_old_steps() -%}
    {%- if execute -%}
        {%- set kept = [] -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' -%}{%- do kept.append(node.alias) -%}{%- endfor -%}
        {%- set found = run_query("select view_name from duckdb_views() where schema_name = 'steps'") -%}
        {%- for row in found if row[0] not in kept -%}
            {%- do run_query('drop view if exists steps.' ~ row[0]) -%}
            {%- do run_query('drop table if exists marts.' ~ row[0]) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
