with gathered as (
    {{ union_vendors('warehouse_return_lines', role='warehouse') }}
)

-- A line names its return only: those of a foreign order's return are left out with it.
select g.*
from gathered as g
{%- if var('scopes', {}) %}
where g.return_key in (select return_key from {{ ref('warehouse_returns') }})
{%- endif %}
