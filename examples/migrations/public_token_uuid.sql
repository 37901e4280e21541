-- The plain migration: public_token becomes a uuid that the database makes.
--
-- It is a sample of what a team writes first. It rewrites the table under ACCESS EXCLUSIVE, fails with 22P02 on the first
-- token that is not a UUID (every token of 6 to 8 characters is not), and waits for a lock without end.
-- `pytest -m preflight` says beforehand what it would fail on; public_token_uuid_safe.sql passes on such a table.
create extension if not exists "uuid-ossp";
alter table chatbots
    alter column public_token drop default,
    alter column public_token type uuid using public_token::uuid,
    alter column public_token set default uuid_generate_v4();
