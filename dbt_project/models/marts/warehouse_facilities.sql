{{ union_vendors('facilities', role='warehouse') }}
