CREATE TABLE invoices (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    number TEXT NOT NULL,
    customer_name TEXT NOT NULL,
    amount_cents INTEGER NOT NULL
        CONSTRAINT invoices_amount_cents_check CHECK (amount_cents BETWEEN 1 AND 100000000),
    status TEXT NOT NULL,
    due_date TEXT NOT NULL CHECK (due_date IS date(due_date)),
    notes TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX invoices_by_user ON invoices (user_id, id);
CREATE UNIQUE INDEX invoices_user_id_number_key ON invoices (user_id, number);

INSERT INTO schema_compatibility (component, migration, oldest_binary)
VALUES ('ledger', '2026-12-01-120000_invoices', '0.1.0');
