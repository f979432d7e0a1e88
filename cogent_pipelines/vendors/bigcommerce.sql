-- BigCommerce's raw tables: the vendor's names and nesting, typed. Dates of V2 are text as RFC 2822 has it
-- ("Mon, 02 Nov 2026 09:14:05 +0000"); a part with an address of its own stands in its order. Personal data only where an
-- order to a warehouse needs it.
-- Landing puts `system` in front and its own _columns behind.

CREATE TABLE IF NOT EXISTS bigcommerce.orders (
    id BIGINT,
    status_id BIGINT,
    status VARCHAR,
    date_created VARCHAR,
    date_modified VARCHAR,
    date_shipped VARCHAR,
    customer_id BIGINT,
    channel_id BIGINT,
    is_deleted BOOLEAN,
    external_id VARCHAR,
    external_order_id VARCHAR,
    external_source VARCHAR,
    order_source VARCHAR,
    payment_method VARCHAR,
    payment_status VARCHAR,
    currency_code VARCHAR,
    default_currency_code VARCHAR,
    store_default_currency_code VARCHAR,
    currency_exchange_rate DECIMAL(28,10),
    store_default_to_transactional_exchange_rate DECIMAL(28,10),
    is_tax_inclusive_pricing BOOLEAN,
    subtotal_ex_tax DECIMAL(28,10),
    subtotal_inc_tax DECIMAL(28,10),
    shipping_cost_ex_tax DECIMAL(28,10),
    shipping_cost_inc_tax DECIMAL(28,10),
    handling_cost_ex_tax DECIMAL(28,10),
    handling_cost_inc_tax DECIMAL(28,10),
    wrapping_cost_ex_tax DECIMAL(28,10),
    wrapping_cost_inc_tax DECIMAL(28,10),
    discount_amount DECIMAL(28,10),
    coupon_discount DECIMAL(28,10),
    store_credit_amount DECIMAL(28,10),
    gift_certificate_amount DECIMAL(28,10),
    total_ex_tax DECIMAL(28,10),
    total_inc_tax DECIMAL(28,10),
    total_tax DECIMAL(28,10),
    refunded_amount DECIMAL(28,10),
    items_total DOUBLE,
    items_shipped DOUBLE,
    customer_message VARCHAR,
    billing_address STRUCT(email VARCHAR),
    consignments STRUCT(
        shipping STRUCT(
            id BIGINT, first_name VARCHAR, last_name VARCHAR, company VARCHAR, street_1 VARCHAR, street_2 VARCHAR,
            city VARCHAR, state VARCHAR, zip VARCHAR, country_iso2 VARCHAR, phone VARCHAR, shipping_method VARCHAR,
            line_items STRUCT(
            id BIGINT, product_id BIGINT, variant_id BIGINT, order_address_id BIGINT, name VARCHAR, sku VARCHAR,
            type VARCHAR, quantity BIGINT, quantity_shipped DOUBLE, quantity_refunded DOUBLE, is_refunded BOOLEAN,
            base_price DECIMAL(28,10), price_ex_tax DECIMAL(28,10), price_inc_tax DECIMAL(28,10),
            total_ex_tax DECIMAL(28,10), total_inc_tax DECIMAL(28,10), total_tax DECIMAL(28,10),
            discounted_total_inc_tax DECIMAL(28,10), parent_order_product_id BIGINT,
            applied_discounts STRUCT(
                id VARCHAR, amount DECIMAL(28,10), name VARCHAR, code VARCHAR, target VARCHAR
            )[]
        )[]
        )[],
        pickups STRUCT(
            id BIGINT, pickup_method_display_name VARCHAR,
            line_items STRUCT(
            id BIGINT, product_id BIGINT, variant_id BIGINT, order_address_id BIGINT, name VARCHAR, sku VARCHAR,
            type VARCHAR, quantity BIGINT, quantity_shipped DOUBLE, quantity_refunded DOUBLE, is_refunded BOOLEAN,
            base_price DECIMAL(28,10), price_ex_tax DECIMAL(28,10), price_inc_tax DECIMAL(28,10),
            total_ex_tax DECIMAL(28,10), total_inc_tax DECIMAL(28,10), total_tax DECIMAL(28,10),
            discounted_total_inc_tax DECIMAL(28,10), parent_order_product_id BIGINT,
            applied_discounts STRUCT(
                id VARCHAR, amount DECIMAL(28,10), name VARCHAR, code VARCHAR, target VARCHAR
            )[]
        )[]
        )[],
        downloads STRUCT(
            line_items STRUCT(
            id BIGINT, product_id BIGINT, variant_id BIGINT, order_address_id BIGINT, name VARCHAR, sku VARCHAR,
            type VARCHAR, quantity BIGINT, quantity_shipped DOUBLE, quantity_refunded DOUBLE, is_refunded BOOLEAN,
            base_price DECIMAL(28,10), price_ex_tax DECIMAL(28,10), price_inc_tax DECIMAL(28,10),
            total_ex_tax DECIMAL(28,10), total_inc_tax DECIMAL(28,10), total_tax DECIMAL(28,10),
            discounted_total_inc_tax DECIMAL(28,10), parent_order_product_id BIGINT,
            applied_discounts STRUCT(
                id VARCHAR, amount DECIMAL(28,10), name VARCHAR, code VARCHAR, target VARCHAR
            )[]
        )[]
        )[],
        email STRUCT(gift_certificates STRUCT(
            line_items STRUCT(
            id BIGINT, product_id BIGINT, variant_id BIGINT, order_address_id BIGINT, name VARCHAR, sku VARCHAR,
            type VARCHAR, quantity BIGINT, quantity_shipped DOUBLE, quantity_refunded DOUBLE, is_refunded BOOLEAN,
            base_price DECIMAL(28,10), price_ex_tax DECIMAL(28,10), price_inc_tax DECIMAL(28,10),
            total_ex_tax DECIMAL(28,10), total_inc_tax DECIMAL(28,10), total_tax DECIMAL(28,10),
            discounted_total_inc_tax DECIMAL(28,10), parent_order_product_id BIGINT,
            applied_discounts STRUCT(
                id VARCHAR, amount DECIMAL(28,10), name VARCHAR, code VARCHAR, target VARCHAR
            )[]
        )[]
        )[])
    ),
    shipments STRUCT(
        id BIGINT, order_address_id BIGINT, date_created VARCHAR, tracking_number VARCHAR, tracking_carrier VARCHAR,
        tracking_link VARCHAR, generated_tracking_link VARCHAR, shipping_provider VARCHAR, shipping_method VARCHAR,
        comments VARCHAR,
        items STRUCT(order_product_id BIGINT, product_id BIGINT, quantity BIGINT)[]
    )[],
    transactions STRUCT(
        id BIGINT, event VARCHAR, method VARCHAR, amount DECIMAL(28,10), currency VARCHAR, gateway VARCHAR,
        gateway_transaction_id VARCHAR, status VARCHAR, test BOOLEAN, reference_transaction_id BIGINT,
        date_created TIMESTAMPTZ
    )[],
    coupons STRUCT(id BIGINT, coupon_id BIGINT, code VARCHAR, discount DECIMAL(28,10), type BIGINT)[],
    taxes STRUCT(
        id BIGINT, order_address_id BIGINT, name VARCHAR, class VARCHAR, rate DECIMAL(28,10), line_amount DECIMAL(28,10),
        order_product_id JSON, line_item_type VARCHAR
    )[]
);

CREATE TABLE IF NOT EXISTS bigcommerce.refunds (
    id BIGINT,
    order_id BIGINT,
    created TIMESTAMPTZ,
    reason VARCHAR,
    total_amount DECIMAL(28,10),
    total_tax DECIMAL(28,10),
    items STRUCT(
        item_type VARCHAR, item_id BIGINT, quantity BIGINT, requested_amount DECIMAL(28,10), reason VARCHAR
    )[],
    payments STRUCT(
        id BIGINT, provider_id VARCHAR, amount DECIMAL(28,10), "offline" BOOLEAN, is_declined BOOLEAN,
        declined_message VARCHAR, transaction_id VARCHAR
    )[]
);

CREATE TABLE IF NOT EXISTS bigcommerce.products (
    id BIGINT,
    name VARCHAR,
    type VARCHAR,
    sku VARCHAR,
    weight DOUBLE,
    price DECIMAL(28,10),
    inventory_level BIGINT,
    inventory_tracking VARCHAR,
    is_visible BOOLEAN,
    availability VARCHAR,
    date_created TIMESTAMPTZ,
    date_modified TIMESTAMPTZ,
    base_variant_id BIGINT
);

CREATE TABLE IF NOT EXISTS bigcommerce.variants (
    id BIGINT,
    product_id BIGINT,
    sku VARCHAR,
    upc VARCHAR,
    price DECIMAL(28,10),
    calculated_price DECIMAL(28,10),
    weight DOUBLE,
    purchasing_disabled BOOLEAN,
    inventory_level BIGINT,
    option_values STRUCT(id BIGINT, label VARCHAR, option_id BIGINT, option_display_name VARCHAR)[]
);

CREATE TABLE IF NOT EXISTS bigcommerce.locations (
    id BIGINT,
    code VARCHAR,
    label VARCHAR,
    type_id VARCHAR,
    enabled BOOLEAN,
    managed_by_external_source BOOLEAN,
    time_zone VARCHAR,
    created_at TIMESTAMPTZ,
    updated_at TIMESTAMPTZ
);

CREATE TABLE IF NOT EXISTS bigcommerce.stock (
    identity STRUCT(sku VARCHAR, variant_id BIGINT, product_id BIGINT),
    locations STRUCT(
        location_id BIGINT, available_to_sell BIGINT, total_inventory_onhand BIGINT, location_enabled BOOLEAN,
        settings STRUCT(safety_stock BIGINT, is_in_stock BOOLEAN, warning_level BIGINT, bin_picking_number VARCHAR)
    )[]
);

CREATE TABLE IF NOT EXISTS bigcommerce.store (
    id VARCHAR,
    name VARCHAR,
    currency VARCHAR,
    weight_units VARCHAR,
    is_price_entered_with_tax BOOLEAN,
    plan_level VARCHAR
);
