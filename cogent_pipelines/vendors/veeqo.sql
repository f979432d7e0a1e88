-- Veeqo's raw tables: the vendor's names and nesting, typed. Only what staging or a person tracing a record reads;
-- names, telephone numbers and addresses of customers stay out unless an order is compared by them.
-- Landing puts `system` in front and its own _columns behind.

CREATE TABLE IF NOT EXISTS veeqo.orders (
    id BIGINT,
    number VARCHAR,
    status VARCHAR,
    created_at TIMESTAMPTZ,
    updated_at TIMESTAMPTZ,
    shipped_at TIMESTAMPTZ,
    cancelled_at TIMESTAMPTZ,
    cancel_reason VARCHAR,
    currency_code VARCHAR,
    subtotal_price DECIMAL(28,10),
    delivery_cost DECIMAL(28,10),
    total_tax DECIMAL(28,10),
    total_discounts DECIMAL(28,10),
    total_price DECIMAL(28,10),
    refund_amount DECIMAL(28,10),
    allocated_completely BOOLEAN,
    picked_completely BOOLEAN,
    merged_to_id BIGINT,
    payment STRUCT(id BIGINT, payment_type VARCHAR, reference_number VARCHAR),
    delivery_method STRUCT(id BIGINT, name VARCHAR, cost DECIMAL(28,10)),
    deliver_to STRUCT(
        id BIGINT, first_name VARCHAR, last_name VARCHAR, company VARCHAR, address1 VARCHAR, address2 VARCHAR,
        city VARCHAR, state VARCHAR, zip VARCHAR, country VARCHAR
    ),
    channel STRUCT(id BIGINT, type_code VARCHAR, name VARCHAR, currency_code VARCHAR),
    line_items STRUCT(
        id BIGINT, remote_id VARCHAR, title VARCHAR, quantity BIGINT, picked_quantity BIGINT,
        price_per_unit DECIMAL(28,10), tax_rate DOUBLE, taxless_discount_per_unit DECIMAL(28,10),
        sellable STRUCT(id BIGINT, sku_code VARCHAR)
    )[],
    allocations STRUCT(
        id BIGINT, order_id BIGINT, created_at TIMESTAMPTZ, updated_at TIMESTAMPTZ,
        warehouse STRUCT(id BIGINT, name VARCHAR),
        line_items STRUCT(
            id BIGINT, quantity BIGINT, picked_quantity BIGINT, sellable_id BIGINT,
            sellable STRUCT(id BIGINT, sku_code VARCHAR)
        )[],
        shipment STRUCT(
            id BIGINT, created_at TIMESTAMPTZ, allocation_id BIGINT, order_id BIGINT, carrier_id BIGINT,
            carrier STRUCT(id BIGINT, name VARCHAR, slug VARCHAR),
            service_name VARCHAR, service_carrier_name VARCHAR, notify_customer BOOLEAN, update_remote_order BOOLEAN,
            tracking_number STRUCT(
                id BIGINT, tracking_number VARCHAR, status VARCHAR, collected_at TIMESTAMPTZ,
                in_transit_at TIMESTAMPTZ, out_for_delivery_at TIMESTAMPTZ, delivered_at TIMESTAMPTZ
            ),
            tracking_url VARCHAR
        )
    )[],
    returns STRUCT(
        id BIGINT, number VARCHAR, status VARCHAR, reason VARCHAR, created_at TIMESTAMPTZ, type VARCHAR,
        warehouse_name VARCHAR,
        line_items STRUCT(
            id BIGINT, sku_code VARCHAR, sellable_id BIGINT, quantity BIGINT, received_quantity BIGINT,
            refund_quantity BIGINT, refund_amount DECIMAL(28,10)
        )[]
    )[]
);

CREATE TABLE IF NOT EXISTS veeqo.products (
    id BIGINT,
    title VARCHAR,
    created_at TIMESTAMPTZ,
    updated_at TIMESTAMPTZ,
    deleted_at TIMESTAMPTZ,
    origin_country VARCHAR,
    hs_tariff_number VARCHAR,
    sellables STRUCT(
        id BIGINT, type VARCHAR, title VARCHAR, sku_code VARCHAR, upc_code VARCHAR, price DECIMAL(28,10),
        cost_price DECIMAL(28,10), weight_grams DOUBLE, updated_at TIMESTAMPTZ
    )[]
);

-- The same list as products, read whole at the stock cadence: only what the shelves hold.
CREATE TABLE IF NOT EXISTS veeqo.stock (
    id BIGINT,
    sellables STRUCT(
        id BIGINT, sku_code VARCHAR,
        stock_entries STRUCT(
            sellable_id BIGINT, warehouse_id BIGINT, physical_stock_level BIGINT, allocated_stock_level BIGINT,
            available_stock_level BIGINT, incoming_stock_level BIGINT, infinite BOOLEAN, updated_at TIMESTAMPTZ
        )[]
    )[]
);

CREATE TABLE IF NOT EXISTS veeqo.warehouses (
    id BIGINT,
    name VARCHAR,
    city VARCHAR,
    post_code VARCHAR,
    country VARCHAR,
    cached_time_zone VARCHAR,
    created_at TIMESTAMPTZ,
    updated_at TIMESTAMPTZ,
    deleted_at TIMESTAMPTZ
);

CREATE TABLE IF NOT EXISTS veeqo.delivery_methods (
    id BIGINT,
    name VARCHAR,
    cost DECIMAL(28,10),
    created_at TIMESTAMPTZ,
    updated_at TIMESTAMPTZ
);

CREATE TABLE IF NOT EXISTS veeqo.customers (
    id BIGINT,
    email VARCHAR,
    customer_type VARCHAR
);
