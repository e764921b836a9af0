#!/bin/bash
# Run once by the image, when the data folder is new: two roles, so that what serves owns nothing.
# chartrier_owner owns the tables and runs the migrations; chartrier_app serves, under row-level security.
set -euo pipefail

psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set owner_password="$(cat /run/secrets/postgres_owner_password)" \
    --set app_password="$(cat /run/secrets/postgres_app_password)" \
    --set database="$POSTGRES_DB" <<'SQL'
CREATE ROLE chartrier_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'owner_password';
CREATE ROLE chartrier_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'app_password';
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT, CREATE, TEMPORARY ON DATABASE :"database" TO chartrier_owner;
GRANT CONNECT ON DATABASE :"database" TO chartrier_app;
ALTER SCHEMA public OWNER TO chartrier_owner;
-- where "chartrier rehearse-restore" tries a backup; it is emptied before and after
CREATE DATABASE chartrier_rehearsal OWNER chartrier_owner;
REVOKE ALL ON DATABASE chartrier_rehearsal FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO chartrier_app; -- what it may do with each table is granted by the migrations
SQL
