-- What of an account that brands share is ours. `scopes` (system -> channels, prefixes) are handed over by whoever starts
-- dbt for an estate; a system that is not named there has its account for itself.

-- Whether a SKU begins as its system's do, whatever its case; null where the system declares none or there is no SKU.
{% macro has_our_prefix(system, sku) -%}
    {%- set scopes = var('scopes', {}) -%}
    case {{ system }}
        {%- for name, scope in scopes.items() if scope.prefixes %}
        when '{{ name }}' then
            {%- for prefix in scope.prefixes %}
            starts_with(upper(nullif(trim({{ sku }}), '')), {{ quoted(prefix) }}){% if not loop.last %} or{% endif %}
            {%- endfor %}
        {%- endfor %}
        when null then null::boolean
    end
{%- endmacro %}

-- Whether a channel's id is one of ours; null where the system declares none or the record tells none.
{% macro is_our_channel(system, channel_id) -%}
    {%- set scopes = var('scopes', {}) -%}
    case {{ system }}
        {%- for name, scope in scopes.items() if scope.channels %}
        when '{{ name }}' then {{ channel_id }} in ({% for id in scope.channels %}{{ quoted(id) }}{% if not loop.last %}, {% endif %}{% endfor %})
        {%- endfor %}
        when null then null::boolean
    end
{%- endmacro %}

{% macro quoted(text) -%}
    '{{ text | string | replace("'", "''") }}'
{%- endmacro %}

-- Whether a system tells brands apart by SKU.
{% macro tells_by_sku(system) -%}
    {%- set names = [] -%}
    {%- for name, scope in var('scopes', {}).items() if scope.prefixes %}{%- do names.append(quoted(name)) -%}{%- endfor -%}
    {% if names %}{{ system }} in ({{ names | join(', ') }}){% else %}false{% endif %}
{%- endmacro %}

-- Whether a system has a scope.
{% macro shares_its_account(system) -%}
    {%- set names = [] -%}
    {%- for name in var('scopes', {}) %}{%- do names.append(quoted(name)) -%}{%- endfor -%}
    {% if names %}{{ system }} in ({{ names | join(', ') }}){% else %}false{% endif %}
{%- endmacro %}
