-- Adobe Commerce's raw tables: the vendor's names and nesting, typed. Instants carry no zone and are UTC. Money stands
-- twice in every record: base_* is the website's currency, which is the one we keep. Personal data only where an order
-- to a warehouse needs it.
-- Landing puts `system` in front and its own _columns behind.

CREATE TABLE IF NOT EXISTS adobe_commerce.orders (
    entity_id BIGINT,
    increment_id VARCHAR,
    state VARCHAR,
    status VARCHAR,
    created_at TIMESTAMP,
    updated_at TIMESTAMP,
    store_id BIGINT,
    store_name VARCHAR,
    ext_order_id VARCHAR,
    base_currency_code VARCHAR,
    order_currency_code VARCHAR,
    base_to_order_rate DECIMAL(28,10),
    base_grand_total DECIMAL(28,10),
    base_subtotal DECIMAL(28,10),
    base_shipping_amount DECIMAL(28,10),
    base_tax_amount DECIMAL(28,10),
    base_discount_amount DECIMAL(28,10),
    base_discount_tax_compensation_amount DECIMAL(28,10),
    base_shipping_discount_tax_compensation_amnt DECIMAL(28,10),
    base_shipping_discount_amount DECIMAL(28,10),
    base_total_paid DECIMAL(28,10),
    base_total_refunded DECIMAL(28,10),
    base_total_canceled DECIMAL(28,10),
    base_adjustment_positive DECIMAL(28,10),
    base_adjustment_negative DECIMAL(28,10),
    is_virtual BIGINT,
    customer_id BIGINT,
    customer_email VARCHAR,
    customer_note VARCHAR,
    shipping_description VARCHAR,
    payment STRUCT(
        method VARCHAR, last_trans_id VARCHAR, base_amount_authorized DECIMAL(28,10), base_amount_paid DECIMAL(28,10)
    ),
    items STRUCT(
        item_id BIGINT, parent_item_id BIGINT, product_id BIGINT, product_type VARCHAR, sku VARCHAR, name VARCHAR,
        is_virtual BIGINT, qty_ordered DECIMAL(28,10), qty_canceled DECIMAL(28,10), qty_invoiced DECIMAL(28,10),
        qty_refunded DECIMAL(28,10), qty_shipped DECIMAL(28,10), base_price DECIMAL(28,10),
        base_row_total DECIMAL(28,10), base_tax_amount DECIMAL(28,10), tax_percent DOUBLE,
        base_discount_amount DECIMAL(28,10), base_discount_tax_compensation_amount DECIMAL(28,10)
    )[],
    status_histories STRUCT(entity_id BIGINT, status VARCHAR, created_at TIMESTAMP)[],
    extension_attributes STRUCT(
        pickup_location_code VARCHAR,
        shipping_assignments STRUCT(
            shipping STRUCT(
                method VARCHAR,
                address STRUCT(
                    firstname VARCHAR, lastname VARCHAR, company VARCHAR, street VARCHAR[], city VARCHAR,
                    region VARCHAR, postcode VARCHAR, country_id VARCHAR, telephone VARCHAR
                )
            )
        )[]
    )
);

CREATE TABLE IF NOT EXISTS adobe_commerce.invoices (
    entity_id BIGINT,
    increment_id VARCHAR,
    order_id BIGINT,
    state BIGINT,
    created_at TIMESTAMP,
    updated_at TIMESTAMP,
    base_currency_code VARCHAR,
    base_grand_total DECIMAL(28,10),
    transaction_id VARCHAR
);

CREATE TABLE IF NOT EXISTS adobe_commerce.shipments (
    entity_id BIGINT,
    increment_id VARCHAR,
    order_id BIGINT,
    created_at TIMESTAMP,
    updated_at TIMESTAMP,
    total_qty DECIMAL(28,10),
    items STRUCT(entity_id BIGINT, order_item_id BIGINT, sku VARCHAR, qty DECIMAL(28,10))[],
    tracks STRUCT(entity_id BIGINT, track_number VARCHAR, title VARCHAR, carrier_code VARCHAR, created_at TIMESTAMP)[],
    extension_attributes STRUCT(source_code VARCHAR)
);

CREATE TABLE IF NOT EXISTS adobe_commerce.creditmemos (
    entity_id BIGINT,
    increment_id VARCHAR,
    order_id BIGINT,
    invoice_id BIGINT,
    state BIGINT,
    created_at TIMESTAMP,
    updated_at TIMESTAMP,
    base_currency_code VARCHAR,
    base_grand_total DECIMAL(28,10),
    base_adjustment_positive DECIMAL(28,10),
    base_adjustment_negative DECIMAL(28,10),
    transaction_id VARCHAR,
    items STRUCT(
        entity_id BIGINT, order_item_id BIGINT, sku VARCHAR, qty DECIMAL(28,10), base_row_total DECIMAL(28,10),
        base_tax_amount DECIMAL(28,10), base_discount_amount DECIMAL(28,10),
        base_discount_tax_compensation_amount DECIMAL(28,10)
    )[],
    comments STRUCT(comment VARCHAR)[]
);

CREATE TABLE IF NOT EXISTS adobe_commerce.transactions (
    transaction_id BIGINT,
    parent_id BIGINT,
    order_id BIGINT,
    payment_id BIGINT,
    txn_id VARCHAR,
    parent_txn_id VARCHAR,
    txn_type VARCHAR,
    is_closed BIGINT,
    created_at TIMESTAMP
);

CREATE TABLE IF NOT EXISTS adobe_commerce.products (
    id BIGINT,
    sku VARCHAR,
    name VARCHAR,
    type_id VARCHAR,
    status BIGINT,
    price DECIMAL(28,10),
    weight DOUBLE,
    created_at TIMESTAMP,
    updated_at TIMESTAMP,
    custom_attributes STRUCT(attribute_code VARCHAR, value JSON)[]
);

-- A store view's settings: the currency of catalogue prices and the unit of weights.
CREATE TABLE IF NOT EXISTS adobe_commerce.store_configs (
    id BIGINT,
    code VARCHAR,
    website_id BIGINT,
    base_currency_code VARCHAR,
    weight_unit VARCHAR,
    timezone VARCHAR
);

CREATE TABLE IF NOT EXISTS adobe_commerce.sources (
    source_code VARCHAR,
    name VARCHAR,
    enabled BOOLEAN,
    country_id VARCHAR,
    postcode VARCHAR
);

CREATE TABLE IF NOT EXISTS adobe_commerce.stocks (
    stock_id BIGINT,
    name VARCHAR,
    extension_attributes STRUCT(sales_channels STRUCT(type VARCHAR, code VARCHAR)[])
);

-- The sources the shop's stock draws on, the first by priority.
CREATE TABLE IF NOT EXISTS adobe_commerce.stock_source_links (
    key VARCHAR,
    stock_id BIGINT,
    source_code VARCHAR,
    priority BIGINT
);

-- What lies in a source, whatever of it is already sold.
CREATE TABLE IF NOT EXISTS adobe_commerce.source_items (
    key VARCHAR,
    sku VARCHAR,
    source_code VARCHAR,
    quantity DECIMAL(28,10),
    status BIGINT
);

-- What can be sold of the shop's stock: its sources together less the reservations, which no list shows by themselves.
CREATE TABLE IF NOT EXISTS adobe_commerce.salable (
    sku VARCHAR,
    qty DECIMAL(28,10),
    is_salable BOOLEAN
);
