-- What a claim that came over HTTP asks for apart from its bytes, so that the
-- same key fits the same command by another way: another path, a call, a queue.
-- NULL in the records of older releases, and wherever fingerprint says it all.

ALTER TABLE syncpatterns_record
    ADD COLUMN command BLOB;       -- fingerprint of the command

ALTER TABLE syncpatterns_record
    ADD COLUMN door BLOB;          -- digest of method and path
