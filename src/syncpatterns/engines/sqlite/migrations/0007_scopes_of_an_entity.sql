-- What is merged has one scope. A name of an entity that every scope has, such as
-- "profile", cost each new item a look at those of all the others: of 3,000
-- tenants, 3,000 rows.

DROP INDEX syncpatterns_queue_item_entity;

CREATE INDEX syncpatterns_queue_item_entity
    ON syncpatterns_queue_item (queue, entity, scope)
    WHERE entity IS NOT NULL AND state < 5;
