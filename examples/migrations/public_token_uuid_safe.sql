-- The safe migration: public_token becomes a uuid that the database makes, and nobody waits for a rewrite.
--
-- A row whose token is a version 4 UUID keeps it; every other row (short token, '', NULL, a UUID of another version, and
-- all but the oldest of rows whose tokens are one UUID in two cases) gets a new one. Old tokens stay in the column
-- public_token_legacy with its indexes, so that the app can redirect old links for as long as it wants to.
--
-- How to run it: `psql -v ON_ERROR_STOP=1 -f public_token_uuid_safe.sql`, as the owner of the table, on Postgres 13 or
-- newer, on a connection of its own and not through a pooler. NOT inside one transaction (psql -1, or a runner of
-- migrations that opens one): the back-fill commits in between, and an index is built CONCURRENTLY.
--
-- If it stops half-way, run it again: each step begins by looking at what is there. 55P03 means that somebody held the
-- table for longer than lock_timeout; that step changed nothing. When it is complete, another run says so and changes
-- nothing.
-- To give up before step 6: drop trigger chatbots_public_token_new on chatbots; drop function
-- chatbots_public_token_new(); alter table chatbots drop column public_token_new.
--
-- After step 6 code that makes its own short tokens fails with 22P02, so deploy the new code right after it. Connections
-- that prepared a statement before it raise 0A000 "cached plan must not change result type": restart the app.
-- Write your own names if the table, its id (an integer) or the column have other names.
--
-- To undo it after step 6, see "The way back" in docs/migrations.md.

-- The back-fill is one statement to Postgres and may last longer than a time-out that the role has.
set statement_timeout = 0;

-- 1. Look before anything is changed. What depends on the column follows it to its new name in step 6, and would go on
--    with the old tokens: views, policies, triggers, foreign keys and the like. You drop them before, and create them again on the new column.
do $$
declare
    relation regclass := to_regclass('chatbots');
    token    smallint;
    found    text;
begin
    if relation is null then
        raise exception 'there is no table chatbots on the search_path' using errcode = '42P01';
    end if;
    if exists (
        select from pg_attribute
        where attrelid = relation and attname = 'public_token' and atttypid = 'uuid'::regtype and not attisdropped
    ) then
        raise exception 'chatbots.public_token is a uuid already: this migration is through, and changed nothing now'
            using errcode = '55000';
    end if;
    select attnum into token from pg_attribute
    where attrelid = relation and attname = 'public_token' and not attisdropped;
    if token is null then
        raise exception 'chatbots has no column public_token' using errcode = '42703';
    end if;
    if exists (select from pg_class where oid = relation and relkind <> 'r')
        or exists (select from pg_inherits where inhrelid = relation or inhparent = relation)
    then
        raise exception 'chatbots is partitioned or inherits: an index cannot be built CONCURRENTLY on all of it'
            using errcode = '0A000';
    end if;
    select string_agg(distinct pg_describe_object(d.classid, d.objid, d.objsubid), ', ') into found
    from pg_depend d
    left join pg_constraint c on d.classid = 'pg_constraint'::regclass and c.oid = d.objid
    left join pg_attrdef a on d.classid = 'pg_attrdef'::regclass and a.oid = d.objid
    left join pg_trigger t on d.classid = 'pg_trigger'::regclass and t.oid = d.objid
    left join pg_index i on d.classid = 'pg_class'::regclass and i.indexrelid = d.objid
    where d.refclassid = 'pg_class'::regclass and d.refobjid = relation and d.refobjsubid = token
        and case
            when d.classid = 'pg_class'::regclass then coalesce(i.indisprimary or i.indisreplident, false)
            when c.oid is not null then c.contype not in ('u', 'c', 'n')
            when a.oid is not null then a.adnum <> token
            when t.oid is not null then t.tgname <> 'chatbots_public_token_new'
            else d.classid <> 'pg_statistic_ext'::regclass
        end;
    if found is not null then
        raise exception 'these use chatbots.public_token and would go on with the old tokens: %', found
            using errcode = '2BP01', hint = 'Drop them first, and create them again on the new column after step 6.';
    end if;
    if exists (select from pg_attribute where attrelid = relation and attnum = token and attacl is not null) then
        raise exception 'rights were granted on the column chatbots.public_token alone; a new column does not have them'
            using errcode = '55000', hint = 'Grant them on the table, revoke them on the column, and run this again.';
    end if;
end
$$;

-- 2. A second column, filled for every row that is stored from now on. Without a default it is a change of the catalog
--    alone; ACCESS EXCLUSIVE is held for milliseconds. lock_timeout: while this waits for a transaction that is idle,
--    everybody else waits behind it.
begin;
set local lock_timeout = '3s';

create or replace function chatbots_public_token_new() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' or new.public_token is distinct from old.public_token then
        new.public_token_new := case
            when new.public_token ~* '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'
            then new.public_token::uuid
            else gen_random_uuid()
        end;
    end if;
    return new;
end
$$;

alter table chatbots add column if not exists public_token_new uuid;
drop trigger if exists chatbots_public_token_new on chatbots;
create trigger chatbots_public_token_new before insert or update of public_token on chatbots
    for each row execute function chatbots_public_token_new();
commit;

-- 3. Fill it for the rows that are there, 5,000 at a time: row locks last for one batch, and readers never wait.
do $$
declare
    done bigint;
    upto bigint;
begin
    select min(id) - 1 into done from chatbots;
    loop
        select max(id) into upto
        from (select id from chatbots where id > done order by id limit 5000) as batch;
        exit when upto is null;
        update chatbots
        set public_token_new = case
            when public_token ~* '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'
            then public_token::uuid
            else gen_random_uuid()
        end
        where id > done and id <= upto and public_token_new is null;
        done := upto;
        commit;
    end loop;
end
$$;

-- One UUID in upper and in lower case is one value now: the oldest row keeps it.
update chatbots
set public_token_new = gen_random_uuid()
where id in (
    select id
    from (select id, row_number() over (partition by public_token_new order by id) as place from chatbots) as numbered
    where place > 1
);

-- 4. Unique, without a lock that writers notice. Waiting for long transactions blocks nobody here, so it may last longer;
--    an index that a failed attempt left behind is invalid, and is dropped first.
set lock_timeout = '60s';
drop index concurrently if exists chatbots_public_token_uuid_key;
create unique index concurrently chatbots_public_token_uuid_key on chatbots (public_token_new);
set lock_timeout = '3s';

-- 5. NOT NULL. SET NOT NULL alone scans the table under ACCESS EXCLUSIVE. VALIDATE scans it while others write, and
--    SET NOT NULL then takes the CHECK's word for it.
begin;
set local lock_timeout = '3s';
alter table chatbots drop constraint if exists chatbots_public_token_new_present;
alter table chatbots
    add constraint chatbots_public_token_new_present check (public_token_new is not null) not valid;
commit;
alter table chatbots validate constraint chatbots_public_token_new_present;

-- 6. The swap: changes of the catalog alone, all or nothing. New rows no longer need an old token.
--    gen_random_uuid() is part of Postgres 13: no extension, no right to create one, no schema to find it in.
begin;
set local lock_timeout = '3s';
alter table chatbots alter column public_token_new set not null;
alter table chatbots drop constraint chatbots_public_token_new_present;
alter table chatbots
    add constraint chatbots_public_token_uuid_key unique using index chatbots_public_token_uuid_key;
drop trigger chatbots_public_token_new on chatbots;
drop function chatbots_public_token_new();
alter table chatbots alter column public_token drop not null, alter column public_token drop default;
alter table chatbots rename column public_token to public_token_legacy;
alter table chatbots rename column public_token_new to public_token;
alter table chatbots alter column public_token set default gen_random_uuid();
commit;

reset lock_timeout;
reset statement_timeout;
