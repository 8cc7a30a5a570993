DROP FUNCTION change_of_user, change_of_credential, change_of_everybody CASCADE;
DROP FUNCTION change;
DROP TABLE changes;
DROP TABLE epoch;
DELETE FROM schema_compatibility WHERE migration = '2026-11-25-000013_epoch';
