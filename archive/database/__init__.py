"""The database: engine, tables, tenancy, row security, migrations."""
