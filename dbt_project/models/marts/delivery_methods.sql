{{ union_vendors('delivery_methods', role='warehouse') }}
