-- The change: public_token becomes a uuid that the database makes.
--
-- The plain cast `public_token::uuid` fails with 22P02 on every old token of 6 to 8 characters. So a row whose token is
-- not already a version 4 UUID gets a new one. Links that carry its old token change with that; the old token is kept in
-- chatbots_legacy_tokens, so that the app can redirect them for as long as it wants to.
--
-- One transaction: either all of it is there or nothing. lock_timeout: an idle transaction that reads the table would
-- make the ALTER queue, and everybody else behind it; after 3 s this gives up (55P03) and can be run again.
begin;
set local lock_timeout = '3s';
lock table chatbots in access exclusive mode;

create table chatbots_legacy_tokens (
    chatbot_id   bigint primary key references chatbots (id) on delete cascade,
    legacy_token varchar(64) not null unique,
    replaced_at  timestamptz not null default now()
);

insert into chatbots_legacy_tokens (chatbot_id, legacy_token)
select id, public_token
from chatbots
where public_token !~* '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$';

-- The unique index is rebuilt by this, so that it covers the new tokens. Two old tokens that are the same UUID in upper
-- and in lower case end here in 23505, and nothing has changed: somebody has to decide who keeps it.
alter table chatbots
    alter column public_token type uuid using (
        case
            when public_token ~* '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'
            then public_token::uuid
            else gen_random_uuid()
        end
    ),
    alter column public_token set not null;

do $$
begin
    if exists (select from pg_available_extensions where name = 'uuid-ossp') then
        create extension if not exists "uuid-ossp";
        alter table chatbots alter column public_token set default uuid_generate_v4();
    else
        alter table chatbots alter column public_token set default gen_random_uuid();
    end if;
end
$$;
commit;
