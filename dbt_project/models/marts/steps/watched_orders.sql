-- Channel orders that are not over for good: not all sent, not paid, cancelled, or given money back for.
select order_key
from {{ ref('order_book') }}
where
    fulfilment_code <> 'fulfilled'
    or payment_code in ('pending', 'authorised', 'part_captured', 'voided', 'expired', 'unknown')
    or cancelled_at is not null
union
select order_key
from {{ ref('asked_lines') }}
union
select order_key
from {{ ref('refund_lines') }}
