-- Seko's raw tables: the vendor's names, its nesting made flat where an answer holds one thing only, typed. What the
-- vendor does not say again of an order (number, lines, facility) is what it accepted: an order is taken whole or not
-- at all and cannot be edited. Names and addresses stay out. Landing puts `system` in front and its own _columns behind.

CREATE TABLE IF NOT EXISTS seko.orders (
    GUID VARCHAR,
    Status VARCHAR,
    SalesOrderNumber VARCHAR,
    SalesOrderReference VARCHAR,
    DCCode VARCHAR,
    CourierName VARCHAR,
    CourierService VARCHAR,
    CurrencyCode VARCHAR,
    Total DECIMAL(28,10),
    LoadedAt TIMESTAMPTZ,
    Lines STRUCT(LineNumber BIGINT, SKU VARCHAR, ProductCode VARCHAR, Quantity BIGINT, UnitPrice DECIMAL(28,10))[]
);

CREATE TABLE IF NOT EXISTS seko.tracking (
    GUID VARCHAR,
    Courier VARCHAR,
    TrackingNumber VARCHAR
);

-- Pushed messages, one row each.
CREATE TABLE IF NOT EXISTS seko.dispatches (
    InterfaceRecordId VARCHAR,
    SequenceNumber BIGINT,
    MessageGroupId VARCHAR,
    MessagePart BIGINT,
    MessageTotal BIGINT,
    DispatchId VARCHAR,
    SalesOrderNumber VARCHAR,
    SalesOrderReference VARCHAR,
    DCCode VARCHAR,
    DispatchDate TIMESTAMPTZ,
    Courier VARCHAR,
    CourierService VARCHAR,
    TrackingNumber VARCHAR,
    TrackingUrl VARCHAR,
    Weight DOUBLE,
    WeightUOM VARCHAR,
    Lines STRUCT(LineNo BIGINT, ProductCode VARCHAR, PackedQty BIGINT)[]
);

CREATE TABLE IF NOT EXISTS seko.tracking_details (
    InterfaceRecordId VARCHAR,
    SequenceNumber BIGINT,
    SalesOrderNumber VARCHAR,
    SalesOrderReference VARCHAR,
    DispatchNumber VARCHAR,
    Courier VARCHAR,
    TrackingNumber VARCHAR,
    TrackingUrl VARCHAR
);

-- Goods received, one row per line: of suppliers, of customers, and of cancellations put back.
CREATE TABLE IF NOT EXISTS seko.grns (
    LineItemGUID VARCHAR,
    GUID VARCHAR,
    DeliveryNumber VARCHAR,
    HBRef VARCHAR,
    RMA VARCHAR,
    GRNType VARCHAR,
    CurrentStatus VARCHAR,
    DCCode VARCHAR,
    ArrivedDate TIMESTAMPTZ,
    ConfirmedTimestamp TIMESTAMPTZ,
    LineItemNumber BIGINT,
    ProductCode VARCHAR,
    GRNQuantity BIGINT
);

-- What the account holds of each of our SKUs; a SKU the answer leaves out has 0.
CREATE TABLE IF NOT EXISTS seko.stock (
    StockKey VARCHAR,
    OurSKU VARCHAR,
    ProductCode VARCHAR,
    DCCode VARCHAR,
    LocationType VARCHAR,
    Quantity BIGINT
);

-- Whether the account knows a product. There is no list: each of our SKUs is asked about until it is known.
CREATE TABLE IF NOT EXISTS seko.products (
    OurSKU VARCHAR,
    ProductCode VARCHAR,
    IsKnown BOOLEAN,
    Status VARCHAR,
    Clashes VARCHAR
);
