-- Shopify's raw tables: the vendor's names and nesting, typed. Connections keep their "nodes". Ids are the vendor's own
-- (gid://shopify/Order/1). Personal data only where an order to a warehouse needs it.
-- Landing puts `system` in front and its own _columns behind.

CREATE TABLE IF NOT EXISTS shopify.orders (
    id VARCHAR,
    name VARCHAR,
    "createdAt" TIMESTAMPTZ,
    "processedAt" TIMESTAMPTZ,
    "updatedAt" TIMESTAMPTZ,
    "closedAt" TIMESTAMPTZ,
    "cancelledAt" TIMESTAMPTZ,
    "cancelReason" VARCHAR,
    test BOOLEAN,
    "sourceName" VARCHAR,
    note VARCHAR,
    tags VARCHAR[],
    email VARCHAR,
    "currencyCode" VARCHAR,
    "presentmentCurrencyCode" VARCHAR,
    "taxesIncluded" BOOLEAN,
    "displayFinancialStatus" VARCHAR,
    "displayFulfillmentStatus" VARCHAR,
    "returnStatus" VARCHAR,
    "totalPriceSet" STRUCT("shopMoney" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR)),
    "currentTotalPriceSet" STRUCT("shopMoney" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR)),
    "subtotalPriceSet" STRUCT("shopMoney" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR)),
    "totalTaxSet" STRUCT("shopMoney" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR)),
    "totalShippingPriceSet" STRUCT("shopMoney" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR)),
    "totalDiscountsSet" STRUCT("shopMoney" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR)),
    "totalRefundedSet" STRUCT("shopMoney" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR)),
    "totalOutstandingSet" STRUCT("shopMoney" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR)),
    "customAttributes" STRUCT(key VARCHAR, value VARCHAR)[],
    customer STRUCT(id VARCHAR),
    "shippingAddress" STRUCT(
        name VARCHAR, "firstName" VARCHAR, "lastName" VARCHAR, company VARCHAR, address1 VARCHAR, address2 VARCHAR,
        city VARCHAR, province VARCHAR, zip VARCHAR, "countryCodeV2" VARCHAR, phone VARCHAR
    ),
    "shippingLines" STRUCT(
        nodes STRUCT(
            id VARCHAR, title VARCHAR, code VARCHAR, source VARCHAR,
            "originalPriceSet" STRUCT("shopMoney" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR)),
            "discountedPriceSet" STRUCT("shopMoney" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR)),
            "taxLines" STRUCT(title VARCHAR, rate DOUBLE, "priceSet" STRUCT("shopMoney" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR)))[]
        )[]
    ),
    "lineItems" STRUCT(
        nodes STRUCT(
            id VARCHAR, sku VARCHAR, name VARCHAR, quantity BIGINT, "currentQuantity" BIGINT,
            "requiresShipping" BOOLEAN, "isGiftCard" BOOLEAN,
            "originalUnitPriceSet" STRUCT("shopMoney" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR)),
            "discountAllocations" STRUCT("allocatedAmountSet" STRUCT("shopMoney" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR)))[],
            "taxLines" STRUCT(title VARCHAR, rate DOUBLE, "priceSet" STRUCT("shopMoney" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR)))[],
            variant STRUCT(id VARCHAR)
        )[]
    ),
    transactions STRUCT(
        id VARCHAR, kind VARCHAR, status VARCHAR, gateway VARCHAR, "paymentId" VARCHAR, test BOOLEAN,
        "createdAt" TIMESTAMPTZ, "processedAt" TIMESTAMPTZ, "settlementCurrency" VARCHAR,
        "settlementCurrencyRate" DECIMAL(28,10),
        "amountSet" STRUCT("shopMoney" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR)),
        fees STRUCT(type VARCHAR, amount STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR))[],
        "parentTransaction" STRUCT(id VARCHAR)
    )[],
    refunds STRUCT(
        id VARCHAR, "createdAt" TIMESTAMPTZ, "processedAt" TIMESTAMPTZ, "updatedAt" TIMESTAMPTZ, note VARCHAR,
        "totalRefundedSet" STRUCT("shopMoney" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR)),
        "return" STRUCT(id VARCHAR),
        "refundLineItems" STRUCT(
            nodes STRUCT(
                id VARCHAR, quantity BIGINT, "restockType" VARCHAR,
                "subtotalSet" STRUCT("shopMoney" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR)),
                "totalTaxSet" STRUCT("shopMoney" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR)),
                location STRUCT(id VARCHAR),
                "lineItem" STRUCT(id VARCHAR, sku VARCHAR)
            )[]
        ),
        "orderAdjustments" STRUCT(
            nodes STRUCT(
                id VARCHAR, reason VARCHAR,
                "amountSet" STRUCT("shopMoney" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR)),
                "taxAmountSet" STRUCT("shopMoney" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR))
            )[]
        ),
        "refundShippingLines" STRUCT(
            nodes STRUCT(
                id VARCHAR,
                "subtotalAmountSet" STRUCT("shopMoney" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR)),
                "taxAmountSet" STRUCT("shopMoney" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR))
            )[]
        )
    )[],
    fulfillments STRUCT(
        id VARCHAR, name VARCHAR, status VARCHAR, "displayStatus" VARCHAR, "createdAt" TIMESTAMPTZ,
        "updatedAt" TIMESTAMPTZ, "inTransitAt" TIMESTAMPTZ, "deliveredAt" TIMESTAMPTZ,
        "trackingInfo" STRUCT(company VARCHAR, number VARCHAR, url VARCHAR)[],
        location STRUCT(id VARCHAR),
        "fulfillmentLineItems" STRUCT(
            nodes STRUCT(id VARCHAR, quantity BIGINT, "lineItem" STRUCT(id VARCHAR, sku VARCHAR))[]
        )
    )[]
);

CREATE TABLE IF NOT EXISTS shopify.fulfillment_orders (
    id VARCHAR,
    "orderId" VARCHAR,
    "orderName" VARCHAR,
    status VARCHAR,
    "requestStatus" VARCHAR,
    "createdAt" TIMESTAMPTZ,
    "updatedAt" TIMESTAMPTZ,
    "fulfillAt" TIMESTAMPTZ,
    "fulfillBy" TIMESTAMPTZ,
    "assignedLocation" STRUCT(name VARCHAR, location STRUCT(id VARCHAR)),
    "fulfillmentHolds" STRUCT(reason VARCHAR)[],
    "lineItems" STRUCT(
        nodes STRUCT(
            id VARCHAR, sku VARCHAR, "totalQuantity" BIGINT, "remainingQuantity" BIGINT, "inventoryItemId" VARCHAR,
            "lineItem" STRUCT(id VARCHAR)
        )[]
    )
);

CREATE TABLE IF NOT EXISTS shopify.products (
    id VARCHAR,
    title VARCHAR,
    handle VARCHAR,
    status VARCHAR,
    vendor VARCHAR,
    "productType" VARCHAR,
    "isGiftCard" BOOLEAN,
    "createdAt" TIMESTAMPTZ,
    "updatedAt" TIMESTAMPTZ
);

CREATE TABLE IF NOT EXISTS shopify.variants (
    id VARCHAR,
    sku VARCHAR,
    title VARCHAR,
    "displayName" VARCHAR,
    barcode VARCHAR,
    price DECIMAL(28,10),
    "inventoryPolicy" VARCHAR,
    "createdAt" TIMESTAMPTZ,
    "updatedAt" TIMESTAMPTZ,
    product STRUCT(id VARCHAR, status VARCHAR),
    "inventoryItem" STRUCT(
        id VARCHAR, tracked BOOLEAN, "requiresShipping" BOOLEAN, "countryCodeOfOrigin" VARCHAR,
        "harmonizedSystemCode" VARCHAR, measurement STRUCT(weight STRUCT(unit VARCHAR, value DOUBLE))
    )
);

CREATE TABLE IF NOT EXISTS shopify.locations (
    id VARCHAR,
    name VARCHAR,
    "isActive" BOOLEAN,
    "isFulfillmentService" BOOLEAN,
    "fulfillsOnlineOrders" BOOLEAN,
    "shipsInventory" BOOLEAN,
    "createdAt" TIMESTAMPTZ,
    "updatedAt" TIMESTAMPTZ
);

CREATE TABLE IF NOT EXISTS shopify.inventory_levels (
    id VARCHAR,
    "isActive" BOOLEAN,
    "createdAt" TIMESTAMPTZ,
    "updatedAt" TIMESTAMPTZ,
    quantities STRUCT(name VARCHAR, quantity BIGINT, "updatedAt" TIMESTAMPTZ)[],
    item STRUCT(id VARCHAR, sku VARCHAR),
    location STRUCT(id VARCHAR)
);

CREATE TABLE IF NOT EXISTS shopify.payouts (
    id VARCHAR,
    status VARCHAR,
    "transactionType" VARCHAR,
    "issuedAt" TIMESTAMPTZ,
    "externalTraceId" VARCHAR,
    net STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR),
    summary STRUCT(
        "chargesGross" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR),
        "chargesFee" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR),
        "refundsFeeGross" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR),
        "refundsFee" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR),
        "adjustmentsGross" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR),
        "adjustmentsFee" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR),
        "reservedFundsGross" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR),
        "reservedFundsFee" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR),
        "retriedPayoutsGross" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR),
        "retriedPayoutsFee" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR),
        "advanceGross" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR),
        "advanceFees" STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR)
    )
);

-- sourceId and sourceOrderTransactionId exceed 32 bits, so the vendor writes them as text.
CREATE TABLE IF NOT EXISTS shopify.balance_transactions (
    id VARCHAR,
    type VARCHAR,
    test BOOLEAN,
    "transactionDate" TIMESTAMPTZ,
    "sourceType" VARCHAR,
    "sourceId" VARCHAR,
    "sourceOrderTransactionId" VARCHAR,
    "adjustmentReason" VARCHAR,
    amount STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR),
    fee STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR),
    net STRUCT(amount DECIMAL(28,10), "currencyCode" VARCHAR),
    "associatedOrder" STRUCT(id VARCHAR, name VARCHAR),
    "associatedPayout" STRUCT(id VARCHAR, status VARCHAR)
);
