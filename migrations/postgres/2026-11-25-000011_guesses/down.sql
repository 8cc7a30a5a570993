DROP TABLE familiar_networks;
DROP TABLE guesses;
DELETE FROM schema_compatibility WHERE migration = '2026-11-25-000011_guesses';
