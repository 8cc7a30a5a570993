CREATE TABLE invoices (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    number TEXT COLLATE "C" NOT NULL,
    customer_name TEXT COLLATE "C" NOT NULL,
    amount_cents INTEGER NOT NULL
        CONSTRAINT invoices_amount_cents_check CHECK (amount_cents BETWEEN 1 AND 100000000),
    status TEXT COLLATE "C" NOT NULL,
    due_date DATE NOT NULL,
    notes TEXT COLLATE "C",
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX invoices_by_user ON invoices (user_id, id);
CREATE UNIQUE INDEX invoices_user_id_number_key ON invoices (user_id, number);

INSERT INTO schema_compatibility (component, migration, oldest_binary)
VALUES ('ledger', '2026-12-01-120000_invoices', '0.1.0');
