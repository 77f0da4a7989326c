-- Also what may have reached somebody is found by its entity, as long as it is
-- live: a sent update between a create and a delete breaks the pair. Before, the
-- create and the delete cancelled out, and the update stood alone over there.

DROP INDEX syncpatterns_queue_item_entity;

CREATE INDEX syncpatterns_queue_item_entity
    ON syncpatterns_queue_item (queue, entity)
    WHERE entity IS NOT NULL AND state < 5;
