-- A rule's rows can be told apart and say when they began and what they are: one open row per key, no blank key or cause.
{% test rule_rows(model) %}
    select exception_key
    from {{ model }}
    where exception_key is null or cause is null or since_at is null or due_at is null or entity_key is null
    union all
    select exception_key
    from {{ model }}
    where ended_at is null
    group by exception_key
    having count(*) > 1
{% endtest %}
