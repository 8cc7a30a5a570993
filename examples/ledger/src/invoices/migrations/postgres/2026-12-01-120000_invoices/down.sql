DROP TABLE invoices;
DELETE FROM schema_compatibility WHERE migration = '2026-12-01-120000_invoices';
