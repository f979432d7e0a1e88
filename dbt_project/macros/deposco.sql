{# Shipments but for those that were rolled back, with what their parcels and lines share: `header`, the order they are of,
   and `numbers`, those of their containers in order. #}
{% macro deposco_shipments() %}
    select
        *,
        "orderHeaders".data[1] as header,
        list_sort(list_distinct(list_transform(
            list_filter("shippedContainers".data, lambda c: trim(c."trackingNumber") <> ''), lambda c: trim(c."trackingNumber")
        ))) as numbers
    from {{ source('deposco', 'shipments') }}
    where status is distinct from 'Rolled Back' and _gone_at is null
{% endmacro %}

{# The order that a number means. A shipment's header may name its order by number only: of several orders of one number one
   that has shipped is meant, else a live one, and of these the newest. #}
{% macro deposco_order_of_number() %}
    select
        system,
        number,
        self.id as id,
        "shipFromFacility"."businessKey".number as facility_id
    from {{ source('deposco', 'orders') }}
    qualify row_number() over (
        partition by system, number
        order by
            case
                when coalesce("orderStatus", status) in ('Ship Complete', 'Partially Shipped') then 0
                when coalesce("orderStatus", status) = 'Canceled' then 2
                else 1
            end,
            self.id desc
    ) = 1
{% endmacro %}
