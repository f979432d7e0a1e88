-- A retailer's year in raw rows, made in DuckDB itself: orders, what the shop and the warehouse know of them, stock, payouts.
-- Set before: variables n (orders), skus, as_of. Order 0 is the newest; one in a thousand of each kind is at fault.
--
--   age < 10 minutes   paid, not yet at the warehouse
--   age < 1 day        at the warehouse, allocated
--   older              sent, told to the shop
--
-- i % 1000:  1 not at the warehouse   2 there twice   3 parcel unknown to the shop   4 parcel without a number
--            5 cancelled, still open at the warehouse   6 the basket of order i + 1 again   7 refunded, nothing came back
--            8 never picked   9 edited after it was sent

CREATE OR REPLACE TEMP TABLE made AS
WITH numbered AS (
    SELECT
        i,
        i % 1000 AS fault,
        CASE WHEN i % 1000 = 6 THEN i + 1 ELSE i END AS seed,
        getvariable('as_of')::TIMESTAMPTZ - to_seconds(((i + 1) * 365.0 * 86400 / getvariable('n'))::BIGINT) AS placed_at
    FROM range(getvariable('n')) AS t (i)
)

SELECT
    i,
    fault,
    seed,
    placed_at,
    '#' || (100000 + i) AS name,
    getvariable('as_of')::TIMESTAMPTZ - placed_at AS age,
    age < INTERVAL 10 MINUTE OR fault = 1 AS is_waiting,
    age >= INTERVAL 1 DAY AND fault NOT IN (1, 5, 8) AS is_sent,
    placed_at + INTERVAL 20 HOUR AS sent_at,
    list_transform(
        range(1 + (hash(seed) % 4)::BIGINT),
        lambda k: {
            'id': i * 10 + k,
            'item': 1 + (hash(seed, k) % getvariable('skus')::UBIGINT)::BIGINT,
            'qty': 1 + (hash(k, seed) % 3)::BIGINT // 2
        }
    ) AS lines,
    'First' || seed % 900 AS first_name,
    'Last' || seed % 9000 AS last_name,
    1 + seed % 300 || ' High Street' AS line1,
    ['Leeds', 'York', 'Hull', 'Bath', 'Ely', 'Truro', 'Ripon', 'Wells'][1 + seed % 8] AS city,
    'LS' || 1 + seed % 29 || ' ' || 1 + seed % 9 || 'AB' AS postcode,
    1001 + i % 2 AS location,
    41 + i % 2 AS warehouse
FROM numbered;

CREATE OR REPLACE TEMP MACRO sku_of(item) AS 'SKU-' || lpad(item::VARCHAR, 4, '0');
CREATE OR REPLACE TEMP MACRO price_of(item) AS ((199 + item * 37 % 9000) / 100)::DECIMAL(28, 10);
CREATE OR REPLACE TEMP MACRO money(amount) AS {'shopMoney': {'amount': (amount)::DECIMAL(28, 10), 'currencyCode': 'GBP'}};
CREATE OR REPLACE TEMP MACRO digits_of(item) AS '500' || lpad(item::VARCHAR, 9, '0');
CREATE OR REPLACE TEMP MACRO barcode_of(item) AS digits_of(item) || (10 - list_sum(list_transform(
    string_split(digits_of(item), ''), lambda digit, place: digit::BIGINT * CASE WHEN place % 2 = 0 THEN 3 ELSE 1 END
)) % 10)::BIGINT % 10;
CREATE OR REPLACE TEMP MACRO gid(kind, number) AS 'gid://shopify/' || kind || '/' || number;
CREATE OR REPLACE TEMP MACRO total_of(lines) AS list_sum(list_transform(lines, lambda l: price_of(l.item) * l.qty)) + 3.95;

-- the shop -----------------------------------------------------------------------------------------------

INSERT INTO shopify.orders BY NAME
SELECT
    'web_uk' AS system,
    gid('Order', 5000000000 + i) AS id,
    name,
    placed_at AS "createdAt",
    placed_at AS "processedAt",
    CASE
        WHEN fault = 9 THEN placed_at + INTERVAL 30 HOUR
        WHEN is_sent THEN sent_at + INTERVAL 1 HOUR
        ELSE placed_at
    END AS "updatedAt",
    CASE WHEN fault = 5 THEN placed_at + INTERVAL 4 HOUR END AS "cancelledAt",
    false AS test,
    'web' AS "sourceName",
    ['web'] AS tags,
    'c' || seed % 40000 || '@example.com' AS email,
    'GBP' AS "currencyCode",
    'GBP' AS "presentmentCurrencyCode",
    true AS "taxesIncluded",
    CASE WHEN fault = 7 THEN 'PARTIALLY_REFUNDED' ELSE 'PAID' END AS "displayFinancialStatus",
    CASE WHEN is_sent AND fault <> 3 THEN 'FULFILLED' ELSE 'UNFULFILLED' END AS "displayFulfillmentStatus",
    money(total_of(lines)) AS "totalPriceSet",
    money(total_of(lines)) AS "currentTotalPriceSet",
    money(total_of(lines) - 3.95) AS "subtotalPriceSet",
    money((total_of(lines) / 6)::DECIMAL(18, 2)) AS "totalTaxSet",
    money(3.95) AS "totalShippingPriceSet",
    money(0) AS "totalDiscountsSet",
    money(CASE WHEN fault = 7 THEN price_of(lines[1].item) ELSE 0 END) AS "totalRefundedSet",
    money(0) AS "totalOutstandingSet",
    {'id': gid('Customer', seed % 40000)} AS customer,
    {
        'name': first_name || ' ' || last_name, 'firstName': first_name, 'lastName': last_name, 'address1': line1,
        'city': city, 'zip': postcode, 'countryCodeV2': 'GB'
    } AS "shippingAddress",
    {'nodes': [{
        'id': gid('ShippingLine', i), 'title': ['Standard Delivery', 'Next Day Delivery'][1 + i % 2], 'code': 'x',
        'source': 'shopify', 'originalPriceSet': money(3.95), 'discountedPriceSet': money(3.95)
    }]} AS "shippingLines",
    {'nodes': list_transform(lines, lambda l: {
        'id': gid('LineItem', 8000000000 + l.id), 'sku': sku_of(l.item), 'name': 'Thing ' || l.item,
        'quantity': l.qty,
        'currentQuantity': CASE WHEN fault = 9 AND l.id % 10 = 0 THEN l.qty + 1 ELSE l.qty END,
        'requiresShipping': true, 'isGiftCard': false,
        'originalUnitPriceSet': money(price_of(l.item)),
        'taxLines': [{
            'title': 'GB VAT', 'rate': 0.2::DOUBLE,
            'priceSet': money((price_of(l.item) * l.qty / 6)::DECIMAL(18, 2))
        }],
        'variant': {'id': gid('ProductVariant', 40000000 + l.item)}
    })} AS "lineItems",
    [{
        'id': gid('OrderTransaction', 6000000000 + i), 'kind': 'SALE', 'status': 'SUCCESS', 'gateway': 'shopify_payments',
        'test': false, 'createdAt': placed_at, 'processedAt': placed_at, 'settlementCurrency': 'GBP',
        'amountSet': money(total_of(lines)),
        'fees': [{
            'type': 'processing_fee',
            'amount': {'amount': (total_of(lines) / 60)::DECIMAL(28, 2), 'currencyCode': 'GBP'}
        }]
    }] AS transactions,
    CASE WHEN fault = 7 THEN [{
        'id': gid('Refund', i), 'createdAt': placed_at + INTERVAL 6 DAY, 'processedAt': placed_at + INTERVAL 6 DAY,
        'updatedAt': placed_at + INTERVAL 6 DAY, 'totalRefundedSet': money(price_of(lines[1].item)),
        'refundLineItems': {'nodes': [{
            'id': gid('RefundLineItem', i), 'quantity': 1, 'restockType': 'RETURN',
            'subtotalSet': money(price_of(lines[1].item)), 'totalTaxSet': money(0),
            'location': {'id': gid('Location', location)},
            'lineItem': {'id': gid('LineItem', 8000000000 + lines[1].id), 'sku': sku_of(lines[1].item)}
        }]}
    }] ELSE [] END AS refunds,
    CASE WHEN is_sent AND fault <> 3 THEN [{
        'id': gid('Fulfillment', 7000000000 + i), 'name': name || '-F1', 'status': 'SUCCESS', 'displayStatus': 'IN_TRANSIT',
        'createdAt': sent_at + INTERVAL 5 MINUTE, 'updatedAt': sent_at + INTERVAL 1 HOUR,
        'inTransitAt': sent_at + INTERVAL 1 HOUR,
        'trackingInfo': [{'company': 'Royal Mail', 'number': CASE WHEN fault <> 4 THEN 'RM' || i || 'GB' END}],
        'location': {'id': gid('Location', location)},
        'fulfillmentLineItems': {'nodes': list_transform(lines, lambda l: {
            'id': gid('FulfillmentLineItem', 9000000000 + l.id), 'quantity': l.qty,
            'lineItem': {'id': gid('LineItem', 8000000000 + l.id), 'sku': sku_of(l.item)}
        })}
    }] ELSE [] END AS fulfillments,
    'p' AS _pull_id,
    placed_at AS _first_seen_at,
    placed_at AS _changed_at,
    getvariable('as_of')::TIMESTAMPTZ AS _read_at,
    hash(i) AS _hash
FROM made;

INSERT INTO shopify.fulfillment_orders BY NAME
SELECT
    'web_uk' AS system,
    gid('FulfillmentOrder', 3000000000 + i) AS id,
    gid('Order', 5000000000 + i) AS "orderId",
    name AS "orderName",
    CASE WHEN fault = 5 THEN 'CLOSED' WHEN is_sent AND fault <> 3 THEN 'CLOSED' ELSE 'OPEN' END AS status,
    'UNSUBMITTED' AS "requestStatus",
    placed_at AS "createdAt",
    placed_at AS "updatedAt",
    {'name': 'x', 'location': {'id': gid('Location', location)}} AS "assignedLocation",
    {'nodes': list_transform(lines, lambda l: {
        'id': gid('FulfillmentOrderLineItem', 2000000000 + l.id), 'sku': sku_of(l.item), 'totalQuantity': l.qty,
        'remainingQuantity': CASE WHEN is_sent AND fault <> 3 OR fault = 5 THEN 0 ELSE l.qty END,
        'inventoryItemId': gid('InventoryItem', 50000000 + l.item),
        'lineItem': {'id': gid('LineItem', 8000000000 + l.id)}
    })} AS "lineItems",
    'p' AS _pull_id,
    placed_at AS _first_seen_at,
    placed_at AS _changed_at,
    getvariable('as_of')::TIMESTAMPTZ AS _read_at,
    hash(i) AS _hash
FROM made;

INSERT INTO shopify.balance_transactions BY NAME
SELECT
    'web_uk' AS system,
    gid('ShopifyPaymentsBalanceTransaction', i) AS id,
    'CHARGE' AS type,
    false AS test,
    placed_at AS "transactionDate",
    'CHARGE' AS "sourceType",
    i::VARCHAR AS "sourceId",
    (6000000000 + i)::VARCHAR AS "sourceOrderTransactionId",
    {'amount': total_of(lines), 'currencyCode': 'GBP'} AS amount,
    {'amount': (total_of(lines) / 60)::DECIMAL(28, 2), 'currencyCode': 'GBP'} AS fee,
    {'amount': total_of(lines) - (total_of(lines) / 60)::DECIMAL(28, 2), 'currencyCode': 'GBP'} AS net,
    {'id': gid('Order', 5000000000 + i), 'name': name} AS "associatedOrder",
    {'id': gid('ShopifyPaymentsPayout', i // 3000), 'status': 'PAID'} AS "associatedPayout",
    'p' AS _pull_id,
    placed_at AS _first_seen_at,
    getvariable('as_of')::TIMESTAMPTZ AS _read_at,
    hash(i) AS _hash
FROM made;

INSERT INTO shopify.payouts BY NAME
SELECT
    'web_uk' AS system,
    "associatedPayout".id AS id,
    'PAID' AS status,
    'DEPOSIT' AS "transactionType",
    max("transactionDate") + INTERVAL 2 DAY AS "issuedAt",
    {'amount': sum(net.amount), 'currencyCode': 'GBP'} AS net,
    'p' AS _pull_id,
    getvariable('as_of')::TIMESTAMPTZ AS _read_at
FROM shopify.balance_transactions
GROUP BY "associatedPayout";

INSERT INTO shopify.products BY NAME
SELECT
    'web_uk' AS system,
    gid('Product', 30000000 + i) AS id,
    'Thing ' || i AS title,
    'ACTIVE' AS status,
    getvariable('as_of')::TIMESTAMPTZ - INTERVAL 90 DAY AS "createdAt",
    getvariable('as_of')::TIMESTAMPTZ - INTERVAL 9 DAY AS "updatedAt",
    getvariable('as_of')::TIMESTAMPTZ AS _read_at
FROM range(1, getvariable('skus') + 1) AS t (i);

INSERT INTO shopify.variants BY NAME
SELECT
    'web_uk' AS system,
    gid('ProductVariant', 40000000 + i) AS id,
    sku_of(i) AS sku,
    'Default Title' AS title,
    'Thing ' || i AS "displayName",
    barcode_of(i) AS barcode,
    price_of(i) AS price,
    getvariable('as_of')::TIMESTAMPTZ - INTERVAL 90 DAY AS "createdAt",
    getvariable('as_of')::TIMESTAMPTZ - INTERVAL 9 DAY AS "updatedAt",
    {'id': gid('Product', 30000000 + i), 'status': 'ACTIVE'} AS product,
    {
        'id': gid('InventoryItem', 50000000 + i), 'tracked': true, 'requiresShipping': true,
        'countryCodeOfOrigin': CASE WHEN i % 100 > 0 THEN 'GB' END, 'harmonizedSystemCode': '6109',
        'measurement': {'weight': {'unit': 'GRAMS', 'value': 250.0::DOUBLE}}
    } AS "inventoryItem",
    getvariable('as_of')::TIMESTAMPTZ AS _read_at
FROM range(1, getvariable('skus') + 1) AS t (i);

INSERT INTO shopify.locations BY NAME
SELECT
    'web_uk' AS system,
    gid('Location', 1001 + i) AS id,
    ['Leeds', 'York'][1 + i] AS name,
    true AS "isActive",
    true AS "fulfillsOnlineOrders",
    getvariable('as_of')::TIMESTAMPTZ AS _read_at
FROM range(2) AS t (i);

INSERT INTO shopify.inventory_levels BY NAME
SELECT
    'web_uk' AS system,
    gid('InventoryLevel', location || '?inventory_item_id=' || 50000000 + item) AS id,
    true AS "isActive",
    getvariable('as_of')::TIMESTAMPTZ - INTERVAL 1 HOUR AS "updatedAt",
    [
        {'name': 'available', 'quantity': 1000 + CASE WHEN item % 200 = 0 THEN 5 ELSE 0 END},
        {'name': 'on_hand', 'quantity': 1000},
        {'name': 'committed', 'quantity': 0}
    ] AS quantities,
    {'id': gid('InventoryItem', 50000000 + item), 'sku': sku_of(item)} AS item,
    {'id': gid('Location', location)} AS location,
    getvariable('as_of')::TIMESTAMPTZ AS _read_at
FROM range(1, getvariable('skus') + 1) AS t (item), range(1001, 1003) AS l (location);

-- the warehouse ------------------------------------------------------------------------------------------

INSERT INTO veeqo.orders BY NAME
SELECT
    'wms_uk' AS system,
    900000000 + copy * 400000000 + i AS id,
    name AS number,
    CASE WHEN is_sent THEN 'shipped' ELSE 'awaiting_fulfillment' END AS status,
    placed_at + INTERVAL 5 MINUTE AS created_at,
    CASE WHEN is_sent THEN sent_at ELSE placed_at + INTERVAL 5 MINUTE END AS updated_at,
    CASE WHEN is_sent THEN sent_at END AS shipped_at,
    'GBP' AS currency_code,
    total_of(lines) AS total_price,
    {'id': 11 + i % 2, 'name': 'x'} AS delivery_method,
    {
        'id': i, 'first_name': first_name, 'last_name': last_name, 'address1': line1, 'city': city, 'zip': postcode,
        'country': 'GB'
    } AS deliver_to,
    {'id': 771, 'type_code': 'direct', 'name': 'Cogent', 'currency_code': 'GBP'} AS channel,
    list_transform(lines, lambda l: {
        'id': 800000000 + copy * 400000000 + l.id, 'quantity': l.qty,
        'picked_quantity': CASE WHEN is_sent THEN l.qty ELSE 0 END,
        'price_per_unit': price_of(l.item), 'tax_rate': 0.2::DOUBLE,
        'sellable': {'id': 60000000 + l.item, 'sku_code': sku_of(l.item)}
    }) AS line_items,
    [{
        'id': 700000000 + copy * 400000000 + i, 'order_id': 900000000 + copy * 400000000 + i,
        'created_at': placed_at + INTERVAL 6 MINUTE,
        'warehouse': {'id': warehouse, 'name': 'x'},
        'line_items': list_transform(lines, lambda l: {
            'id': l.id, 'quantity': l.qty, 'picked_quantity': CASE WHEN is_sent THEN l.qty ELSE 0 END,
            'sellable': {'id': 60000000 + l.item, 'sku_code': sku_of(l.item)}
        }),
        'shipment': CASE WHEN is_sent THEN {
            'id': 600000000 + copy * 400000000 + i, 'created_at': sent_at,
            'carrier_id': 1, 'carrier': {'id': 1, 'name': 'Royal Mail', 'slug': 'royal_mail'},
            'service_name': 'Tracked 48',
            'tracking_number': {
                'id': i, 'tracking_number': CASE WHEN fault <> 4 THEN 'RM' || i || 'GB' END,
                'in_transit_at': sent_at + INTERVAL 1 HOUR
            }
        } END
    }] AS allocations,
    [] AS returns,
    'p' AS _pull_id,
    placed_at + INTERVAL 5 MINUTE AS _first_seen_at,
    placed_at AS _changed_at,
    getvariable('as_of')::TIMESTAMPTZ AS _read_at,
    hash(i) AS _hash
FROM made, range(2) AS c (copy)
WHERE NOT is_waiting AND (copy = 0 OR fault = 2);

INSERT INTO veeqo.products BY NAME
SELECT
    'wms_uk' AS system,
    20000000 + i AS id,
    'Thing ' || i AS title,
    getvariable('as_of')::TIMESTAMPTZ - INTERVAL 9 DAY AS updated_at,
    'GB' AS origin_country,
    '6109' AS hs_tariff_number,
    [{
        'id': 60000000 + i, 'title': 'Thing ' || i, 'sku_code': sku_of(i), 'upc_code': barcode_of(i),
        'price': price_of(i), 'weight_grams': 250.0::DOUBLE
    }] AS sellables,
    getvariable('as_of')::TIMESTAMPTZ AS _read_at
FROM range(1, getvariable('skus') + 1) AS t (i);

INSERT INTO veeqo.stock BY NAME
SELECT
    'wms_uk' AS system,
    20000000 + i AS id,
    [{
        'id': 60000000 + i, 'sku_code': sku_of(i),
        'stock_entries': list_transform([41, 42], lambda w: {
            'sellable_id': 60000000 + i, 'warehouse_id': w, 'physical_stock_level': 1000, 'allocated_stock_level': 0,
            'available_stock_level': 1000, 'incoming_stock_level': 0, 'infinite': false,
            'updated_at': getvariable('as_of')::TIMESTAMPTZ - INTERVAL 1 HOUR
        })
    }] AS sellables,
    getvariable('as_of')::TIMESTAMPTZ AS _read_at
FROM range(1, getvariable('skus') + 1) AS t (i);

INSERT INTO veeqo.warehouses BY NAME
SELECT 'wms_uk' AS system, 41 + i AS id, ['Leeds', 'York'][1 + i] AS name, getvariable('as_of')::TIMESTAMPTZ AS _read_at
FROM range(2) AS t (i);

INSERT INTO veeqo.delivery_methods BY NAME
SELECT
    'wms_uk' AS system,
    11 + i AS id,
    ['Standard', 'Next Day', 'Tracked 48', 'Collect'][1 + i] AS name,
    getvariable('as_of')::TIMESTAMPTZ AS _read_at
FROM range(4) AS t (i);

-- what this project did ----------------------------------------------------------------------------------

INSERT INTO ops.pulls BY NAME
SELECT
    f.vendor || f.stream AS pull_id,
    f.system,
    f.vendor,
    f.stream,
    'full' AS kind,
    getvariable('as_of')::TIMESTAMPTZ - INTERVAL 20 SECOND AS window_to,
    getvariable('as_of')::TIMESTAMPTZ - INTERVAL 20 SECOND AS started_at,
    getvariable('as_of')::TIMESTAMPTZ - INTERVAL 10 SECOND AS finished_at,
    true AS is_complete,
    1 AS rows_in,
    1 AS rows_new
FROM estate.feeds AS f;

INSERT INTO ops.stock_changes
SELECT 'wms_uk', w::VARCHAR, sku_of(item), 1000, getvariable('as_of')::TIMESTAMPTZ - INTERVAL 1 HOUR, 'p'
FROM range(1, getvariable('skus') + 1) AS t (item), range(41, 43) AS l (w);

INSERT INTO ops.operations BY NAME
SELECT
    i AS promise_id,
    'orders_to_wms' AS sync,
    'wms_uk' AS system,
    'web_uk' AS source_system,
    'web_uk:' || (5000000000 + i) || '@' || ['LEEDS', 'YORK'][1 + i % 2] AS business_key,
    'create' AS act,
    1 AS generation,
    'verified' AS state,
    name AS reference,
    'web_uk:' || (5000000000 + i) AS order_key,
    json_object(
        'facility', ['LEEDS', 'YORK'][1 + i % 2],
        'delivery_option', ['Standard Delivery', 'Next Day Delivery'][1 + i % 2],
        'ship_to_country_code', 'GB',
        'lines', list_transform(lines, lambda l: {'sku': sku_of(l.item), 'qty': l.qty})
    ) AS sent,
    placed_at AS since_at,
    placed_at + INTERVAL 4 MINUTE AS planned_at,
    placed_at + INTERVAL 5 MINUTE AS first_sent_at,
    placed_at + INTERVAL 5 MINUTE AS sent_at,
    placed_at + INTERVAL 6 MINUTE AS closed_at,
    1 AS attempts,
    'certain' AS effect,
    (900000000 + i)::VARCHAR AS target_ref,
    total_of(lines)::DECIMAL(18, 4) AS amount,
    'GBP' AS currency
FROM made
WHERE NOT is_waiting;

INSERT INTO ops.operations BY NAME
SELECT
    1000000000 + i AS promise_id,
    'shipments_to_channel' AS sync,
    'web_uk' AS system,
    'wms_uk' AS source_system,
    'wms_uk:' || (600000000 + i) AS business_key,
    'fulfil' AS act,
    1 AS generation,
    'verified' AS state,
    name AS reference,
    'web_uk:' || (5000000000 + i) AS order_key,
    json_object('carrier', 'Royal Mail', 'notify', true, 'location_id', location) AS sent,
    sent_at AS since_at,
    sent_at + INTERVAL 2 MINUTE AS planned_at,
    sent_at + INTERVAL 3 MINUTE AS first_sent_at,
    sent_at + INTERVAL 3 MINUTE AS sent_at,
    sent_at + INTERVAL 5 MINUTE AS closed_at,
    1 AS attempts,
    'certain' AS effect,
    (7000000000 + i)::VARCHAR AS target_ref,
    total_of(lines)::DECIMAL(18, 4) AS amount,
    'GBP' AS currency
FROM made
WHERE is_sent AND fault NOT IN (3, 4);

INSERT INTO ops.attempts BY NAME
SELECT
    promise_id AS attempt_id,
    promise_id,
    act AS action,
    first_sent_at AS intent_at,
    first_sent_at AS receipt_at,
    'accepted' AS outcome,
    target_ref AS ref,
    closed_at AS read_back_at,
    'equal' AS read_back
FROM ops.operations;

DROP TABLE made;
