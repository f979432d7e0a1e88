-- Deposco's raw tables: the vendor's names and nesting, typed. Only what staging or a person tracing a record reads;
-- telephone numbers and e-mail addresses of customers stay out.
-- Landing puts `system` in front and its own _columns behind. Quantities are packs unless the name says otherwise.

CREATE TABLE IF NOT EXISTS deposco.orders (
    self STRUCT(id BIGINT),
    number VARCHAR,
    "customerOrderNumber" VARCHAR,
    "importReference" VARCHAR,
    "orderStatus" VARCHAR,
    status VARCHAR,
    type VARCHAR,
    "orderSource" VARCHAR,
    "placedDate" TIMESTAMPTZ,
    "createdDate" TIMESTAMPTZ,
    "updatedDate" TIMESTAMPTZ,
    "plannedShipDate" TIMESTAMPTZ,
    "actualShipDate" TIMESTAMPTZ,
    "orderTotal" DECIMAL(28,10),
    "orderSubtotal" DECIMAL(28,10),
    "orderShippingTotal" DECIMAL(28,10),
    "orderTaxTotal" DECIMAL(28,10),
    "shipVia" VARCHAR,
    "shipVendor" VARCHAR,
    "shipToContact" STRUCT("firstName" VARCHAR, "lastName" VARCHAR),
    "shipToAddress" STRUCT(
        line1 VARCHAR, line2 VARCHAR, line3 VARCHAR, line4 VARCHAR, city VARCHAR, "stateProvince" VARCHAR,
        "postalCode" VARCHAR, country VARCHAR
    ),
    "shipFromFacility" STRUCT(id BIGINT, "businessKey" STRUCT(number VARCHAR)),
    "orderLines" STRUCT(data STRUCT(
        self STRUCT(id BIGINT),
        "lineNumber" VARCHAR,
        "customerLineNumber" VARCHAR,
        item STRUCT(id BIGINT, "businessKey" STRUCT(number VARCHAR)),
        pack STRUCT(id BIGINT, "businessKey" STRUCT(quantity DOUBLE)),
        "orderPackQuantity" DOUBLE,
        "canceledPackQuantity" DOUBLE,
        "allocatedQuantity" DOUBLE,
        "pickedPackQuantity" DOUBLE,
        "shippedPackQuantity" DOUBLE,
        "shortagePackQuantity" DOUBLE,
        "isBackOrdered" BOOLEAN,
        "unitPrice" DECIMAL(28,10),
        "orderLineStatus" VARCHAR
    )[])
);

CREATE TABLE IF NOT EXISTS deposco.shipments (
    self STRUCT(id BIGINT),
    number VARCHAR,
    status VARCHAR,
    "updatedDate" TIMESTAMPTZ,
    "trackingNumber" VARCHAR,
    "trackingUrl" VARCHAR,
    "shipVendor" VARCHAR,
    "shipVia" VARCHAR,
    facility STRUCT(id BIGINT, "businessKey" STRUCT(number VARCHAR)),
    "shipmentDates" STRUCT("actualShipDate" TIMESTAMPTZ),
    "orderHeaders" STRUCT(data STRUCT(id BIGINT, "businessKey" STRUCT(number VARCHAR))[]),
    "shipmentLines" STRUCT(data STRUCT(
        number VARCHAR,
        item STRUCT(id BIGINT, "businessKey" STRUCT(number VARCHAR)),
        pack STRUCT(id BIGINT, "businessKey" STRUCT(quantity DOUBLE)),
        "orderPackQuantity" DOUBLE,
        "shippedPackQuantity" DOUBLE
    )[]),
    "shippedContainers" STRUCT(data STRUCT(
        number VARCHAR, "lpnNumber" VARCHAR, "trackingNumber" VARCHAR, "ssccLpnNumber" VARCHAR
    )[])
);

CREATE TABLE IF NOT EXISTS deposco.customer_returns (
    self STRUCT(id BIGINT),
    number VARCHAR,
    "orderStatus" VARCHAR,
    status VARCHAR,
    "createdDate" TIMESTAMPTZ,
    "updatedDate" TIMESTAMPTZ,
    "shipToFacility" STRUCT(id BIGINT, "businessKey" STRUCT(number VARCHAR)),
    "parentOrder" STRUCT(id BIGINT, "businessKey" STRUCT(number VARCHAR)),
    "orderLines" STRUCT(data STRUCT(
        self STRUCT(id BIGINT),
        "lineNumber" VARCHAR,
        item STRUCT(id BIGINT, "businessKey" STRUCT(number VARCHAR)),
        pack STRUCT(id BIGINT, "businessKey" STRUCT(quantity DOUBLE)),
        "orderPackQuantity" DOUBLE,
        "receivedPackQuantity" DOUBLE
    )[])
);

CREATE TABLE IF NOT EXISTS deposco.receipts (
    self STRUCT(id BIGINT),
    number VARCHAR,
    status VARCHAR,
    "updatedDate" TIMESTAMPTZ,
    "receivedItem" STRUCT(id BIGINT, "businessKey" STRUCT(number VARCHAR)),
    "receivedPackQuantity" DOUBLE,
    "receivedDamagedPackQuantity" DOUBLE,
    damaged BOOLEAN,
    "orderLine" STRUCT(id BIGINT, "businessKey" STRUCT("lineNumber" VARCHAR))
);

CREATE TABLE IF NOT EXISTS deposco.items (
    self STRUCT(id BIGINT),
    number VARCHAR,
    name VARCHAR,
    "createdDate" TIMESTAMPTZ,
    "updatedDate" TIMESTAMPTZ,
    "businessUnit" STRUCT("businessKey" STRUCT(code VARCHAR)),
    packs STRUCT(type VARCHAR, quantity DOUBLE, weight STRUCT(weight DOUBLE, units VARCHAR))[],
    upcs STRUCT(data STRUCT("value" VARCHAR)[])
);

CREATE TABLE IF NOT EXISTS deposco.facilities (
    self STRUCT(id BIGINT),
    number VARCHAR,
    name VARCHAR
);

-- The older API's snapshot. What it nests was XML once: one facility may come as an object and not as a list, and what
-- is missing as {"@nil": "true"}, so it is kept as it came.
CREATE TABLE IF NOT EXISTS deposco.stock (
    "itemNumber" VARCHAR,
    "facilityInventory" JSON
);
