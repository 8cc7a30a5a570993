DROP TABLE notes;
DROP TABLE folders;
DELETE FROM schema_compatibility WHERE component = 'notebook';
