-- The movements of PayPal's balance that have taken place, flat. P is pending and D denied: no money moved.
-- `is_withdrawal`: of the family T04, the only trace of a payout.
{% macro paypal_movements() -%}
    select
        t.system,
        t.key,
        t.transaction_info.transaction_id as transaction_id,
        t.transaction_info.transaction_event_code as code,
        t.transaction_info.transaction_status as status,
        case when t.transaction_info.paypal_reference_id_type = 'TXN' then t.transaction_info.paypal_reference_id end
            as original_id,
        nullif(t.transaction_info.invoice_id, '') as invoice_id,
        t.transaction_info.bank_reference_id as bank_reference_id,
        t.transaction_info.transaction_initiation_date as at,
        t.transaction_info.transaction_amount.currency_code as currency,
        t.transaction_info.transaction_amount.value as gross,
        -coalesce(t.transaction_info.fee_amount.value, 0) as fee,
        t.transaction_info.ending_balance.value as ending,
        starts_with(t.transaction_info.transaction_event_code, 'T04') as is_withdrawal
    from {{ source('paypal', 'transactions') }} as t
    where t.transaction_info.transaction_status not in ('P', 'D')
        or (starts_with(t.transaction_info.transaction_event_code, 'T04') and t.transaction_info.transaction_status = 'P')
{%- endmacro %}
