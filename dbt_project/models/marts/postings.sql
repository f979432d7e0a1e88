{{ union_vendors('postings') }}
