-- Fulfil's raw tables: the vendor's names and nesting, typed. A value of theirs that JSON has no type for is an object
-- that names its class; kept of it is the value. Datetimes are UTC without saying so. A field reached through another
-- record comes back under its whole dotted name, and is so named here.
-- Persons stay out, but for the address an order is compared by. Landing puts `system` in front and its own _columns behind.

CREATE TABLE IF NOT EXISTS fulfil.orders (
    id BIGINT,
    number VARCHAR,
    reference VARCHAR,
    channel BIGINT,
    channel_identifier VARCHAR,
    origin VARCHAR,
    party BIGINT,
    state VARCHAR,
    shipment_state VARCHAR,
    invoice_state VARCHAR,
    has_channel_exception BOOLEAN,
    has_return BOOLEAN,
    currency BIGINT,
    "currency.code" VARCHAR,
    sale_date STRUCT(iso_string DATE),
    confirmation_time STRUCT(iso_string TIMESTAMP),
    untaxed_amount STRUCT(decimal DECIMAL(28,10)),
    tax_amount STRUCT(decimal DECIMAL(28,10)),
    shipment_amount STRUCT(decimal DECIMAL(28,10)),
    total_amount STRUCT(decimal DECIMAL(28,10)),
    payment_total STRUCT(decimal DECIMAL(28,10)),
    payment_authorized STRUCT(decimal DECIMAL(28,10)),
    payment_captured STRUCT(decimal DECIMAL(28,10)),
    payment_available STRUCT(decimal DECIMAL(28,10)),
    total_quantity DOUBLE,
    warehouse BIGINT,
    carrier BIGINT,
    carrier_service BIGINT,
    lines BIGINT[],
    shipments BIGINT[],
    shipment_returns BIGINT[],
    invoices BIGINT[],
    payments BIGINT[],
    "shipment_address.name" VARCHAR,
    "shipment_address.street" VARCHAR,
    "shipment_address.street_bis" VARCHAR,
    "shipment_address.city" VARCHAR,
    "shipment_address.zip" VARCHAR,
    "shipment_address.country.code" VARCHAR,
    create_date STRUCT(iso_string TIMESTAMP),
    write_date STRUCT(iso_string TIMESTAMP)
);

-- Delivery is a line too, of a product that is a service.
CREATE TABLE IF NOT EXISTS fulfil.order_lines (
    id BIGINT,
    sale BIGINT,
    product BIGINT,
    "product.code" VARCHAR,
    "product.type" VARCHAR,
    description VARCHAR,
    quantity DOUBLE,
    unit_price STRUCT(decimal DECIMAL(28,10)),
    amount STRUCT(decimal DECIMAL(28,10)),
    warehouse BIGINT,
    create_date STRUCT(iso_string TIMESTAMP),
    write_date STRUCT(iso_string TIMESTAMP)
);

-- Whether a tracking number is text or points to a record is not documented, so it is kept as it comes.
CREATE TABLE IF NOT EXISTS fulfil.shipments (
    id BIGINT,
    number VARCHAR,
    state VARCHAR,
    customer BIGINT,
    warehouse BIGINT,
    planned_date STRUCT(iso_string DATE),
    effective_date STRUCT(iso_string DATE),
    carrier BIGINT,
    "carrier.rec_name" VARCHAR,
    tracking_number JSON,
    on_hold BOOLEAN,
    picking_status VARCHAR,
    outgoing_moves BIGINT[],
    create_date STRUCT(iso_string TIMESTAMP),
    write_date STRUCT(iso_string TIMESTAMP)
);

CREATE TABLE IF NOT EXISTS fulfil.moves (
    id BIGINT,
    product BIGINT,
    "product.code" VARCHAR,
    quantity DOUBLE,
    from_location BIGINT,
    to_location BIGINT,
    state VARCHAR,
    effective_date STRUCT(iso_string DATE),
    shipment VARCHAR,
    create_date STRUCT(iso_string TIMESTAMP),
    write_date STRUCT(iso_string TIMESTAMP)
);

CREATE TABLE IF NOT EXISTS fulfil.returns (
    id BIGINT,
    number VARCHAR,
    state VARCHAR,
    customer BIGINT,
    origin VARCHAR,
    warehouse BIGINT,
    planned_date STRUCT(iso_string DATE),
    effective_date STRUCT(iso_string DATE),
    moves BIGINT[],
    create_date STRUCT(iso_string TIMESTAMP),
    write_date STRUCT(iso_string TIMESTAMP)
);

CREATE TABLE IF NOT EXISTS fulfil.invoices (
    id BIGINT,
    number VARCHAR,
    party BIGINT,
    state VARCHAR,
    invoice_date STRUCT(iso_string DATE),
    earliest_due_date STRUCT(iso_string DATE),
    total_amount STRUCT(decimal DECIMAL(28,10)),
    balance STRUCT(decimal DECIMAL(28,10)),
    sales BIGINT[],
    create_date STRUCT(iso_string TIMESTAMP),
    write_date STRUCT(iso_string TIMESTAMP)
);

CREATE TABLE IF NOT EXISTS fulfil.products (
    id BIGINT,
    code VARCHAR,
    variant_name VARCHAR,
    template BIGINT,
    "template.name" VARCHAR,
    active BOOLEAN,
    salable BOOLEAN,
    list_price STRUCT(decimal DECIMAL(28,10)),
    cost_price STRUCT(decimal DECIMAL(28,10)),
    create_date STRUCT(iso_string TIMESTAMP),
    write_date STRUCT(iso_string TIMESTAMP)
);

-- The products again, read whole for one location after another. `key` and `location` are what the request asked about:
-- the records do not say it.
CREATE TABLE IF NOT EXISTS fulfil.stock (
    key VARCHAR,
    location BIGINT,
    id BIGINT,
    code VARCHAR,
    quantity_on_hand DOUBLE,
    quantity_available DOUBLE
);

CREATE TABLE IF NOT EXISTS fulfil.customers (
    id BIGINT,
    code VARCHAR,
    create_date STRUCT(iso_string TIMESTAMP),
    write_date STRUCT(iso_string TIMESTAMP)
);

CREATE TABLE IF NOT EXISTS fulfil.contacts (
    id BIGINT,
    party BIGINT,
    type VARCHAR,
    value VARCHAR,
    create_date STRUCT(iso_string TIMESTAMP),
    write_date STRUCT(iso_string TIMESTAMP)
);

CREATE TABLE IF NOT EXISTS fulfil.locations (
    id BIGINT,
    name VARCHAR,
    code VARCHAR,
    type VARCHAR,
    create_date STRUCT(iso_string TIMESTAMP),
    write_date STRUCT(iso_string TIMESTAMP)
);
