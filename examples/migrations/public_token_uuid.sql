-- The plain migration: public_token becomes a uuid that Postgres generates.
--
-- A team usually writes this one first. It rewrites the table under ACCESS EXCLUSIVE, and waits for that lock without end.
-- It fails with 22P02 on the first token that is not a UUID, such as every token of 6 to 8 characters. `pytest -m preflight`
-- says beforehand what it would fail on. public_token_uuid_safe.sql works on such a table too.
create extension if not exists "uuid-ossp";
alter table chatbots
    alter column public_token drop default,
    alter column public_token type uuid using public_token::uuid,
    alter column public_token set default uuid_generate_v4();
